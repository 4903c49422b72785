"""What the supervisor promises: what dies comes back, what is killed stays down, nothing is left behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from embedded import control, trees
from embedded.control import NotRunning
from embedded.part import Refused
from embedded.state import StateDirectory

STANDINS = Path(__file__).with_name("standins.py")


class Standins:
    """The stand-in programs under a supervisor of their own process."""

    def __init__(self, directory: Path) -> None:
        self.state = StateDirectory(directory)
        self.pids = directory / "pids"

    def begin(self, *arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, str(STANDINS), str(self.state.path), *arguments]
        return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)

    def start(self) -> None:
        self.supervisor = self.begin()
        eventually(lambda: self.pid("child") and self.pid("deaf") and self.row("nest")["state"] == "up")

    def pid(self, name: str) -> int:
        path = self.pids / name
        return int(path.read_text() or 0) if path.exists() else 0

    def count(self, name: str) -> int:
        return int((self.pids / f"{name}.count").read_text() or 0)

    def forget_pids(self) -> None:
        for path in self.pids.iterdir():
            path.unlink()

    def ask(self, do: str, **arguments: object) -> Any:
        return control.ask(self.state, do, **arguments)

    def row(self, name: str) -> dict[str, Any]:
        try:
            return next(row for row in self.ask("status") if row["name"] == name)
        except NotRunning:
            return {"state": "the supervisor does not answer yet"}

    def left(self) -> list[psutil.Process]:
        return trees.marked(str(self.state.path), self.state.servers)


@contextmanager
def running(directory: Path) -> Iterator[Standins]:
    made = Standins(directory)
    try:
        made.start()
        yield made
    finally:
        made.supervisor.kill()
        made.supervisor.communicate()
        trees.kill(made.left)


@pytest.fixture
def standins(tmp_path: Path) -> Iterator[Standins]:
    with running(tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standins]:
    """For tests that change nothing."""
    with running(tmp_path_factory.mktemp("untouched")) as made:
        yield made


def eventually(holds: Callable[[], object], within_s: float = 5.0) -> None:
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, f"did not hold within {within_s} s"
        time.sleep(0.01)


def alive(*pids: int) -> list[int]:
    return [pid for pid in pids if psutil.pid_exists(pid) and trees.alive(psutil.Process(pid))]


def test_what_dies_by_itself_is_back_soon_and_what_it_left_is_ended(standins: Standins) -> None:
    root, child = standins.pid("root"), standins.pid("child")
    standins.forget_pids()
    os.kill(root, signal.SIGKILL)
    eventually(lambda: standins.row("nest")["pid"] not in (None, root), within_s=3.0)
    eventually(lambda: standins.pid("root"))
    assert not alive(root, child)
    assert standins.row("nest")["restarts"] == 1


def test_what_keeps_dying_is_tried_again_within_a_second_each_time(untouched: Standins) -> None:
    before = untouched.row("brief")["restarts"]
    time.sleep(3)
    assert 3 <= untouched.row("brief")["restarts"] - before <= 30


def test_a_kill_ends_the_whole_tree_which_stays_down_until_start(standins: Standins) -> None:
    pids = standins.pid("root"), standins.pid("child")
    standins.ask("kill", name="nest")
    assert not alive(*pids)
    time.sleep(1.2)
    assert standins.row("nest")["state"] == "down"
    standins.forget_pids()
    standins.ask("start", name="nest")
    eventually(lambda: standins.pid("child"))
    assert standins.row("nest")["pid"] == standins.pid("root")


def test_a_kill_for_some_seconds_lifts_itself(standins: Standins) -> None:
    standins.ask("kill", name="nest", for_s=0.3)
    assert standins.row("nest")["state"] == "down"
    eventually(lambda: standins.row("nest")["state"] == "up")


def test_a_pause_stops_every_process_of_the_tree_until_resume(standins: Standins) -> None:
    standins.ask("pause", name="nest")
    counts = standins.count("root"), standins.count("child")
    time.sleep(0.3)
    assert (standins.count("root"), standins.count("child")) == counts
    assert standins.row("nest")["state"] == "paused"
    standins.ask("resume", name="nest")
    eventually(lambda: standins.count("root") > counts[0] and standins.count("child") > counts[1])
    eventually(lambda: standins.row("nest")["state"] == "up")


def test_a_pause_for_some_seconds_lifts_itself(standins: Standins) -> None:
    standins.ask("pause", name="nest", for_s=1)
    count = standins.count("child")
    time.sleep(0.5)
    assert (standins.row("nest")["state"], standins.count("child")) == ("paused", count)
    eventually(lambda: standins.row("nest")["state"] == "up")
    eventually(lambda: standins.count("child") > count)


def test_a_paused_process_can_be_killed_and_a_killed_one_not_paused(standins: Standins) -> None:
    standins.ask("pause", name="nest")
    pids = standins.pid("root"), standins.pid("child")
    standins.ask("kill", name="nest")
    assert not alive(*pids)
    with pytest.raises(Refused, match="nest is down"):
        standins.ask("pause", name="nest")


def test_a_slow_process_does_a_fraction_of_its_work(standins: Standins) -> None:
    def done_in_a_second() -> int:
        before = standins.count("child")
        time.sleep(1)
        return standins.count("child") - before

    healthy = done_in_a_second()
    standins.ask("slow", name="nest", stopped_share=0.8)
    slowed = done_in_a_second()
    assert 0 < slowed < healthy / 2
    standins.ask("resume", name="nest")
    assert done_in_a_second() > healthy / 2


def test_calm_lifts_every_fault(standins: Standins) -> None:
    standins.ask("pause", name="nest")
    standins.ask("kill", name="deaf")
    assert standins.ask("calm") == ["nest", "deaf"]
    assert standins.ask("calm") == []
    eventually(lambda: standins.row("nest")["state"] == standins.row("deaf")["state"] == "up")


@pytest.mark.parametrize(
    ("do", "arguments", "says"),
    [
        ("kill", {"name": "nobody"}, "there is no nobody; there are nest, deaf, brief"),
        ("start", {"name": "nest"}, "nest is up, not down"),
        ("resume", {"name": "nest"}, "nest is up, not paused or slow"),
        ("slow", {"name": "nest", "stopped_share": 1.0}, "not 1"),
        ("pause", {"name": "nest", "for_s": -1}, "not -1"),
        ("dance", {"name": "nest"}, "not understood"),
    ],
)
def test_a_command_that_makes_no_sense_is_refused(
    untouched: Standins, do: str, arguments: dict[str, Any], says: str
) -> None:
    with pytest.raises(Refused, match=says):
        untouched.ask(do, **arguments)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_the_supervisor_leaves_no_process_behind(standins: Standins, number: signal.Signals) -> None:
    standins.ask("pause", name="nest")
    standins.supervisor.send_signal(number)
    assert standins.supervisor.wait(10) == 0
    assert standins.left() == []
    with pytest.raises(NotRunning):
        standins.ask("status")


def test_what_a_killed_supervisor_left_is_ended_by_the_next_one(standins: Standins) -> None:
    standins.ask("pause", name="deaf")
    pids = standins.pid("root"), standins.pid("child"), standins.pid("deaf")
    standins.supervisor.kill()
    standins.supervisor.communicate()
    assert alive(*pids) == list(pids)
    standins.forget_pids()
    standins.start()
    assert not alive(*pids)


def test_a_second_supervisor_is_refused_while_one_runs(untouched: Standins) -> None:
    pid = untouched.pid("root")
    second = untouched.begin()
    _, said = second.communicate(timeout=10)
    assert second.returncode != 0
    assert "a stack runs already" in said.splitlines()[-1]
    assert alive(pid)


def test_a_stack_tied_to_a_process_ends_with_it(tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "60"]) as owner:
        standins = Standins(tmp_path)
        supervisor = standins.begin(str(owner.pid))
        eventually(lambda: standins.pid("root"))
        owner.kill()
    supervisor.communicate(timeout=10)
    assert standins.left() == []


def test_a_log_that_grew_too_large_starts_again(untouched: Standins) -> None:
    log = untouched.state.logs / "deaf.log"
    os.truncate(log, (64 << 20) + 1)
    eventually(lambda: log.stat().st_size == 0, within_s=8)
    assert log.with_name("deaf.log.1").stat().st_size == (64 << 20) + 1


def test_a_deep_state_directory_has_its_commands_too(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    standins = Standins(deep)
    supervisor = standins.begin()
    eventually(lambda: standins.row("nest")["state"] == "up")
    standins.ask("down")
    supervisor.communicate(timeout=10)
