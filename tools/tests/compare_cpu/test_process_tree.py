"""The CPU time of real processes that begin, work and end."""

import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from holdfast_tools.compare_cpu import proc, process_tree
from holdfast_tools.compare_cpu.errors import RoundFailed
from holdfast_tools.compare_cpu.proc import Process
from holdfast_tools.compare_cpu.stack import end_processes

_BURN = """
import time
def burn(seconds):
    while time.process_time() < seconds: pass
"""
_PARENT = f"""{_BURN}
import subprocess, sys
for line in sys.stdin:
    child = f"{{BURN}}burn({{line}})\\nprint(time.process_time(), flush=True)\\nsys.stdin.readline()"
    process = subprocess.Popen([sys.executable, "-c", "import sys" + child], stdin=subprocess.PIPE)
    sys.stdin.readline()  # until it is to end
    process.stdin.close()
    process.wait()
    print("ended", flush=True)
"""


@contextmanager
def parent_of_burners() -> "Iterator[subprocess.Popen[str]]":
    """A process that for a line SECONDS starts a child that uses as much CPU time, and ends it at the next line."""
    program = f"BURN = {_BURN!r}\n{_PARENT}"
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def say(process: "subprocess.Popen[str]", line: str) -> None:
    assert process.stdin is not None
    process.stdin.write(f"{line}\n")
    process.stdin.flush()


def heard(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def total_s(pid: int) -> float:
    return sum(process_tree.usage(pid).cpu_s.values())


def test_a_childs_time_counts_once_while_it_lives_and_after_it_has_ended() -> None:
    with parent_of_burners() as parent:
        before_s = total_s(parent.pid)
        for round_number in (1, 2):
            say(parent, "0.5")
            heard(parent)
            alive_s = total_s(parent.pid) - before_s
            say(parent, "end")
            heard(parent)
            ended_s = total_s(parent.pid) - before_s
            assert alive_s == pytest.approx(0.5 * round_number, abs=0.15)
            assert ended_s == pytest.approx(alive_s, abs=0.1)


def test_a_child_that_ended_and_is_not_awaited_still_counts() -> None:
    program = f"{_BURN}\nimport os, sys\nif os.fork() == 0:\n    burn(0.4)\n    os._exit(0)\nsys.stdin.readline()"
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE) as parent:
        deadline = time.monotonic() + 20
        while total_s(parent.pid) < 0.38 and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(0.2)
        assert total_s(parent.pid) == pytest.approx(0.45, abs=0.1)
        parent.communicate(b"\n")


def test_the_sum_is_that_of_the_kernel_for_a_tree_that_is_busy_with_births_and_deaths() -> None:
    births = "import subprocess\nfor _ in range(60): subprocess.run(['sh', '-c', 'true; true'])"
    program = f"{births}\nprint(1, flush=True)\ninput()"
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        readings = [0.0]
        assert parent.stdout is not None
        while parent.poll() is None and len(readings) < 20:
            try:
                readings.append(total_s(parent.pid))
            except RoundFailed:  # never at rest: no reading is better than a wrong one
                continue
        parent.stdout.readline()
        counted_s = total_s(parent.pid)
        parent.communicate(b"\n")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    kernel_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert counted_s == pytest.approx(kernel_s, abs=0.1)
    assert readings == sorted(readings)


def test_each_kind_gets_the_time_of_all_below_it_and_the_root_is_the_supervisor(tmp_path: Path) -> None:
    forking = "import os, sys\nif os.fork() == 0:\n    burn(0.3)\n    print(1, flush=True)\nsys.stdin.readline()"
    for module in ("gateway", "query_service"):
        (tmp_path / f"{module}.py").write_text(f"{_BURN}\n{forking}")
    program = (
        "import subprocess, sys\n"
        "parts = [subprocess.Popen([sys.executable, '-m', module]) for module in ('gateway', 'query_service')]\n"
        "[part.wait() for part in parts]"
    )
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as root:
        assert root.stdout is not None
        root.stdout.readline()
        root.stdout.readline()
        usage = process_tree.usage(root.pid)
        assert usage.cpu_s["gateway"] == pytest.approx(0.35, abs=0.15)
        assert usage.cpu_s["query"] == pytest.approx(0.35, abs=0.15)
        assert set(usage.cpu_s) == {"gateway", "query", "supervisor"}
        assert sorted(usage.parts.values()) == ["gateway", "query"]
        end_processes(tmp_path)


def test_a_reading_that_lost_the_time_of_a_child_which_just_ended_does_not_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    parent = Process(pid=2, parent=1, started=5, cpu_s=1.0)
    child = Process(pid=3, parent=2, started=6, cpu_s=0.5)
    with_childs_time = replace(parent, cpu_s=1.5)
    readings = iter([{2: parent, 3: child}, {2: parent}, {2: with_childs_time}, {2: with_childs_time}])
    monkeypatch.setattr(proc, "processes", lambda: next(readings))
    assert process_tree.usage(2).cpu_s == {"supervisor": 1.5}
    readings = iter([{2: parent}, {2: with_childs_time}])
    assert process_tree.usage(2).cpu_s == {"supervisor": 1.5}


def test_a_number_that_another_process_got_is_another_process(monkeypatch: pytest.MonkeyPatch) -> None:
    root = Process(pid=2, parent=1, started=5, cpu_s=1.0)
    one, another = (Process(pid=3, parent=2, started=started, cpu_s=started / 10) for started in (6, 7))
    with_ones_time = replace(root, cpu_s=1.6)
    readings = iter([{2: root, 3: one}, {2: root, 3: another}, {2: with_ones_time, 3: another}])
    monkeypatch.setattr(proc, "processes", lambda: next(readings))
    assert sum(process_tree.usage(2).cpu_s.values()) == pytest.approx(2.3)


def test_a_tree_whose_root_has_ended_has_no_figures() -> None:
    with subprocess.Popen(["true"]) as process:
        process.wait()
    with pytest.raises(RoundFailed, match=str(process.pid)):
        process_tree.usage(process.pid)


def test_the_machine_has_used_what_its_processors_were_not_idle() -> None:
    times = psutil.cpu_times()
    used_s = times.user + times.nice + times.system + times.irq + times.softirq
    assert proc.machine_cpu_s() == pytest.approx(used_s, abs=1)


@pytest.mark.parametrize(
    ("command", "kind"),
    [
        ("python -m gateway", "gateway"),
        ("python -m command_service", "command"),
        ("python -m command_service.entrypoints.relay", "relay"),
        ("python -m command_service.entrypoints.settlement", "settlement"),
        ("python -m command_service.entrypoints.migrations", "migrations"),
        ("python -m payment_service", "payment"),
        ("/cache/postgres-18/bin/postgres -D /data", "postgres"),
        ("/cache/java/bin/java -Xmx256m -cp a.jar kafka.Kafka server.properties", "kafka"),
        ("/cache/java/bin/java -cp lib/* org.elasticsearch.launcher.CliToolLauncher", "elasticsearch"),
        ("sh -c gateway", "other"),
        ("grep gateway -m", "other"),
        ("", "other"),
    ],
)
def test_a_command_line_says_the_kind(command: str, kind: str) -> None:
    assert proc.kind_of(command.split()) == kind


def test_a_gateway_is_seen_wherever_it_runs(tmp_path: Path) -> None:
    (tmp_path / "gateway.py").write_text("import sys; print(1, flush=True); sys.stdin.readline()")
    command = [sys.executable, "-m", "gateway"]
    with subprocess.Popen(command, cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert process.pid in proc.gateways()
        process.communicate(b"\n")
    assert process.pid not in proc.gateways()


@pytest.mark.parametrize("known_by", ["cwd", "argument", "environment"])
def test_what_uses_a_directory_is_ended_and_nothing_else(known_by: str, tmp_path: Path) -> None:
    used, other = tmp_path / "used", tmp_path / "other"
    used.mkdir()
    other.mkdir()
    path = str(used)
    with (
        subprocess.Popen(
            [sys.executable, "-c", "input()", path if known_by == "argument" else ""],
            cwd=used if known_by == "cwd" else other,
            env={"STATE": path} if known_by == "environment" else {},
            stdin=subprocess.PIPE,
        ) as meant,
        subprocess.Popen([sys.executable, "-c", "input()"], cwd=other, env={}, stdin=subprocess.PIPE) as not_meant,
    ):
        end_processes(used)
        assert meant.wait(10) == -9
        assert not_meant.poll() is None
        not_meant.communicate(b"\n")
