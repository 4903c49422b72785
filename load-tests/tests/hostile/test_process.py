"""An attacker as a process: prepared, begun, ended, and what it says of itself."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gameday.addresses import ATTACKERS
from gameday.hostile.process import AttackProcess
from gameday.nemesis.fault import Refused
from shop_double import Asked, Serve, Told


def shop(asked: Asked) -> Told:
    if asked.path == "/api/sessions":
        return Told(201, {"token": "t", "customer_id": "c"})
    return Told(422, {"code": "invalid"})


def until(holds: Callable[[], bool], within_s: float = 60) -> None:
    ends_at = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < ends_at, "not in time"
        time.sleep(0.05)


@pytest.mark.timing("a share of another process's CPU time")
def test_an_attack_begins_when_it_is_told_to_and_says_what_it_did(serve: Serve, tmp_path: Path) -> None:
    double = serve(shop)
    attack = AttackProcess("wide-queries", [double.url], tmp_path)
    try:
        attack.await_prepared()
        prepared = len(double.asked)
        time.sleep(0.5)
        assert len(double.asked) == prepared
        assert attack.summary() is None
        attack.begin()
        began = time.monotonic()
        until(lambda: time.monotonic() - began > 6.5)
    finally:
        attack.stop()
    summary = attack.summary()
    assert summary is not None
    assert summary.ended - summary.began == pytest.approx(6.5, abs=2)
    assert summary.sent >= sum(summary.answers.values()) > summary.least
    assert len(summary.windows) >= 3
    assert min(summary.windows[1:]) >= summary.least
    assert 0.02 < summary.cpu_share < 0.35
    assert any(outcome.startswith("422") for outcome in summary.answers)
    assert {asked.peer[0] for asked in double.asked[prepared:]} <= set(ATTACKERS)


def test_clients_that_only_hold_connections_are_counted_all_the_time(serve: Serve, tmp_path: Path) -> None:
    """The double waits for bodies and for headers as long as a caller likes."""
    attack = AttackProcess("slow-bodies", [serve(shop).url], tmp_path)
    try:
        attack.await_prepared()
        attack.begin()
        time.sleep(7)
    finally:
        attack.stop()
    summary = attack.summary()
    assert summary is not None
    assert min(summary.windows[1:]) >= summary.least
    assert summary.busy_share > 0.5


def test_a_shop_that_makes_no_sessions_is_named(serve: Serve, tmp_path: Path) -> None:
    attack = AttackProcess("long-urls", [serve(Told(403, {"code": "forbidden"})).url], tmp_path)
    with pytest.raises(Refused, match=r"attack long-urls is not ready: .*POST /api/sessions: 403 forbidden"):
        attack.await_prepared()
    attack.stop()


def test_an_attacker_that_was_killed_says_nothing(serve: Serve, tmp_path: Path) -> None:
    attack = AttackProcess("half-headers", [serve(shop).url], tmp_path)
    attack.await_prepared()
    attack.begin()
    attack._process.kill()
    attack._process.wait()
    with pytest.raises(Refused, match="ended before it began"):
        attack.begin()
    attack.stop()
    assert attack.summary() is None


def test_an_attacker_ends_with_the_process_that_started_it(serve: Serve, tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from gameday.hostile.process import AttackProcess\n"
        f"attack = AttackProcess('half-headers', [{serve(shop).url!r}], Path({str(tmp_path)!r}))\n"
        "attack.await_prepared(); attack.begin(); print(attack._process.pid, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    assert Path(f"/proc/{pid}").exists()
    parent.kill()
    parent.wait()
    until(lambda: not Path(f"/proc/{pid}").exists() or "Z" in Path(f"/proc/{pid}/stat").read_text().split(") ")[1][:1])


def test_the_summary_is_whole_at_any_time(serve: Serve, tmp_path: Path) -> None:
    attack = AttackProcess("half-headers", [serve(shop).url], tmp_path)
    attack.await_prepared()
    assert json.loads((tmp_path / "attack.json").read_text()) == {"ready": True}
    attack.stop()
    assert attack.summary() is None
