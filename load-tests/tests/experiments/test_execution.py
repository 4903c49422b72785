"""A whole experiment by Chaos Toolkit on a pretended shop: its course, and what is left when it is stopped."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from chaoslib.loader import parse_experiment_from_file

from gameday.experiments import catalogue
from gameday.experiments.execution import conduct
from gameday.experiments.run import Run
from gameday.nemesis.fault import Refused
from gameday.verdict.phases import Phase, Timeline
from gameday.verdict.verdict import Result
from gameday.workload.records import Outcome
from pretend import LASTS_S, TINY, PretendedFaults, pretended
from shop_double import Asked, Serve, Told

PRETEND = Path(__file__).parents[1] / "pretend.py"


def test_an_experiment_goes_from_calm_to_calm_and_is_judged(tmp_path: Path) -> None:
    faults = PretendedFaults(tmp_path)
    run = pretended(tmp_path, faults)
    report = conduct(run)
    assert report.verdict.result is Result.PASS, report.verdict.findings
    assert faults.did[0] == faults.did[-1] == "calm"
    assert faults.did[1:3] == ["pause query-1", "lift query-1"]
    phases = [span.phase for span in Timeline.read(run.folder / "phases.json").spans]
    assert phases == [Phase.WARM_UP, Phase.HEALTHY, Phase.FAULT, Phase.RECOVERY, Phase.AFTER]
    cart = report.verdict.rows[0].phases
    assert cart[Phase.FAULT].requests == pytest.approx(120, abs=40)
    assert {path.name for path in run.folder.iterdir()} >= {
        "load.json", "requests.csv", "samples.jsonl", "journal.json", "phases.json", "verdict.json", "report.html",
        "audit.txt",
    }  # fmt: skip
    assert json.loads((run.folder / "journal.json").read_text())["status"] == "completed"


def test_a_fault_lasts_until_its_bars_are_decided_and_no_longer_than_it_may(tmp_path: Path) -> None:
    """At 40 requests a second 98 % are shown after 3.8 s, which is more than the least, and 99.5 % after 15 s."""
    lasted_s = []
    for number, bar in enumerate((0.98, 0.995)):
        folder = tmp_path / str(number)
        folder.mkdir()
        run = pretended(folder, PretendedFaults(folder))
        bars = replace(TINY.bars, served={"cart": bar})
        run.setup = replace(run.setup, pace=replace(TINY, bars=bars))
        verdict = conduct(run).verdict
        assert verdict.result is (Result.INCONCLUSIVE if bar == 0.995 else Result.PASS), verdict.findings
        fault = run.timeline.span(Phase.FAULT)
        assert fault is not None
        lasted_s.append(fault.ended - fault.began)
    assert 3.8 < lasted_s[0] < 5.8 < lasted_s[1] < 7.5


def test_load_on_top_is_counted_with_the_rest_while_it_lasts(tmp_path: Path) -> None:
    run = pretended(tmp_path, PretendedFaults(tmp_path), "twice-capacity")
    verdict = conduct(run).verdict
    assert verdict.result is Result.PASS, verdict.findings
    assert verdict.overload is not None
    assert verdict.overload.goodput_per_s == pytest.approx(80, rel=0.15)
    assert verdict.rows[0].phases[Phase.AFTER].requests < 1.5 * 40 * 7
    assert (run.folder / "load-2" / "load.json").exists()


def test_every_part_is_killed_in_turn_and_back_before_the_next(tmp_path: Path) -> None:
    faults = PretendedFaults(tmp_path, suffers=Outcome.CONTAINED)
    run = pretended(tmp_path, faults, "restart-all-in-turn")
    verdict = conduct(run).verdict
    assert [done for done in faults.did if done != "calm"] == ["kill query-1", "lift query-1"]
    assert verdict.result is Result.PASS, verdict.findings
    assert verdict.rows[0].phases[Phase.FAULT].contained == pytest.approx(200, abs=40)


def attacked(folder: Path, serve: Serve, breaker: str = "closed", memory_bytes: int = 1 << 20) -> Run:
    """An attack on a pretended shop whose gateway says that this is the state of a breaker of its own."""
    line = {"from": "gateway", "to": "query-service", "replica": "query-1", "in_flight": 0, "limit": 32}
    began: list[float] = []

    def answer(asked: Asked) -> Told:
        if asked.path != "/api/ops/status":
            began.append(asked.at)
            return Told(422, {"code": "invalid"})
        state = breaker if began else "closed"
        shedding = {"replica": "gateway-1", "limit": 100, "in_flight": 0, "waiting": 0, "shed": {}}
        told = {"dependencies": [line | {"breaker": state}], "outbox": None, "projection": None, "shedding": shedding}
        return Told(200, told)

    gateway = serve(answer).url
    run = pretended(folder, PretendedFaults(folder), "half-headers", gateway, {"gateway-1": memory_bytes})
    run.setup = replace(run.setup, pace=replace(TINY, at_least_s={**LASTS_S, Phase.FAULT: 7.0}, at_most_s=8.0))
    return run


def test_an_attack_that_harms_nobody_passes_and_is_told_of(tmp_path: Path, serve: Serve) -> None:
    run = attacked(tmp_path, serve)
    verdict = conduct(run).verdict
    assert verdict.result is Result.PASS, verdict.findings
    assert verdict.hostile is not None
    assert verdict.hostile.attack is not None
    assert verdict.hostile.attack.sent > 40
    told = json.loads((run.folder / "verdict.json").read_text())["hostile"]
    assert told["attack"]["answers"]
    assert told["memory"] == [{"part": "gateway-1", "peak_bytes": 1 << 20, "limit_bytes": 256 << 20}]
    html = (run.folder / "report.html").read_text()
    assert "The attack: " in html
    assert "gateway-1 1 of 256 MiB" in html


def test_an_attack_that_opens_a_breaker_or_takes_too_much_memory_fails(tmp_path: Path, serve: Serve) -> None:
    verdict = conduct(attacked(tmp_path, serve, breaker="open", memory_bytes=300 << 20)).verdict
    assert verdict.result is Result.FAIL
    assert [finding.text for finding in verdict.findings] == [
        "The breaker of gateway → query-service query-1 was not closed, bar: none opens for a caller's doing.",
        "Memory: gateway-1 300 of 256 MiB, bar: its mem_limit.",
    ]


def test_an_attack_that_cannot_be_prepared_ends_the_run_before_the_load_begins(tmp_path: Path) -> None:
    run = pretended(tmp_path, PretendedFaults(tmp_path), "long-urls")
    with pytest.raises(Refused, match=r"attack long-urls is not ready: .*refused"):
        conduct(run)
    assert not run.generators


def test_a_part_that_flaps_is_struck_and_lifted_as_often_as_said(tmp_path: Path) -> None:
    raw = parse_experiment_from_file(str(catalogue.EXPERIMENTS / "flapping-replica.yaml"))
    flap = next(action for action in raw["method"] if action["provider"]["func"] == "flap")
    flap["provider"]["arguments"] |= {"down_s": 0.6, "up_s": 0.6, "times": 3}
    file = tmp_path / "quickly.yaml"
    file.write_text(json.dumps(raw))
    faults = PretendedFaults(tmp_path)
    run = pretended(tmp_path, faults, str(file))
    verdict = conduct(run).verdict
    assert [done for done in faults.did if done != "calm"] == ["pause query-1", "lift query-1"] * 3
    assert verdict.result is Result.PASS, verdict.findings
    assert run.timeline.span(Phase.FAULT) is not None


def test_somebody_who_suffers_without_need_stops_the_run_and_fails_it(tmp_path: Path) -> None:
    faults = PretendedFaults(tmp_path, suffers=Outcome.FAILED)
    run = pretended(tmp_path, faults)
    report = conduct(run)
    assert report.verdict.result is Result.FAIL
    assert any(text.text.startswith("Stopped: cart, which does not need the part") for text in report.verdict.findings)
    assert run.timeline.span(Phase.AFTER) is None
    assert faults.did[-1] == "calm"
    assert not run.generators[0].lives()


def test_a_load_that_ends_early_leaves_nothing_to_judge(tmp_path: Path) -> None:
    faults = PretendedFaults(tmp_path)
    run = pretended(tmp_path, faults)
    inject = faults.inject

    def kill_the_load(fault: object) -> None:
        inject(fault)  # type: ignore[arg-type]
        run.generators[0].stop()

    faults.inject = kill_the_load  # type: ignore[method-assign]
    report = conduct(run)
    assert report.verdict.result is Result.INCONCLUSIVE
    assert "the load ended before the run did" in report.verdict.findings[0].text
    assert faults.did[-1] == "calm"


def test_a_fault_that_is_refused_ends_the_run_at_once(tmp_path: Path) -> None:
    faults = PretendedFaults(tmp_path)

    def refuse(fault: object) -> None:
        raise Refused("query-1 is down, it does not run")

    faults.inject = refuse  # type: ignore[method-assign]
    run = pretended(tmp_path, faults)
    report = conduct(run)
    assert report.verdict.result is Result.INCONCLUSIVE
    assert "Stopped: query-1 is down, it does not run." in [finding.text for finding in report.verdict.findings]
    assert run.timeline.span(Phase.FAULT) is None


def test_a_hiccup_at_the_end_of_the_warm_up_is_let_pass(tmp_path: Path) -> None:
    faults = PretendedFaults(tmp_path)
    run = pretended(tmp_path, faults)
    run.setup = replace(run.setup, pace=replace(TINY, settles_within_s=15))
    calm = run.calm

    def calm_but_for_a_second() -> Sequence[str]:
        faults.suffering_file.write_text("contained")
        threading.Timer(1.0, calm).start()
        run.calm = calm  # type: ignore[method-assign]
        return []

    run.calm = calm_but_for_a_second  # type: ignore[method-assign]
    verdict = conduct(run).verdict
    assert verdict.result is Result.PASS, verdict.findings


def test_an_unsteady_shop_is_not_hurt_at_all(tmp_path: Path) -> None:
    faults = PretendedFaults(tmp_path)
    run = pretended(tmp_path, faults)
    run.calm = lambda: faults.suffering_file.write_text("contained") and []  # type: ignore[method-assign]
    report = conduct(run)
    assert report.verdict.result is Result.INCONCLUSIVE
    assert "The steady state before the method was not met" in report.verdict.findings[0].text
    assert not any(done.startswith("pause") for done in faults.did)


@pytest.fixture
def experiment(tmp_path: Path) -> subprocess.Popen[bytes]:
    """One in a process of its own, in the middle of its fault."""
    process = subprocess.Popen([sys.executable, str(PRETEND), "run", str(tmp_path)])
    until((tmp_path / "suffering").exists, 60)
    return process


def until(holds: Callable[[], bool], within_s: float) -> None:
    ends_at = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < ends_at, "not in time"
        time.sleep(0.05)


def load_of(folder: Path) -> int:
    return int(json.loads((folder / "run" / "load.json").read_text())["pid"])


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_load_and_lifts_the_fault(
    experiment: subprocess.Popen[bytes], tmp_path: Path, number: signal.Signals
) -> None:
    load = load_of(tmp_path)
    experiment.send_signal(number)
    experiment.wait(60)
    assert not (tmp_path / "suffering").exists()
    assert not lives(load)
    assert json.loads((tmp_path / "run" / "verdict.json").read_text())["result"] == "INCONCLUSIVE"


def test_no_load_outlives_an_experiment_that_was_killed(experiment: subprocess.Popen[bytes], tmp_path: Path) -> None:
    load = load_of(tmp_path)
    experiment.kill()
    experiment.wait()
    until(lambda: not lives(load), 10)
