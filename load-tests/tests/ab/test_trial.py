"""One run on a pretended shop: protections go off for the load and are on again after it, whatever happens."""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gameday.ab.counters import read_told
from gameday.ab.plan import PAUSED, Case, Planned, Shape
from gameday.ab.switches import Switches
from gameday.ab.trial import Lab
from gameday.nemesis.fault import Refused
from gameday.target import Target
from holdfast.resilience.protections import ALL
from pretend import CLEAN, PretendedFaults
from shop_double import Asked, Double, Serve, Told

LOAD = (sys.executable, str(Path(__file__).parents[1] / "pretend.py"), "load")
SHORT_OFF = Case("off", "comparison", ALL, trigger_s=2.0)
RUN = Planned(SHORT_OFF, 1, Shape(quiet_s=1.0, after_s=2.0))


class Shop:
    """Remembers each switch among what is done to it, so that the order shows."""

    def __init__(self, serve: Serve, folder: Path) -> None:
        self.faults = PretendedFaults(folder)
        self.off: list[str] = []
        self.double: Double = serve(self.answer)
        audit = (sys.executable, "-c", f"print('''{json.dumps(CLEAN)}''')")
        target = Target("local", [self.double.url], self.faults, audit)
        switches = Switches(self.double.url, "admin@holdfast.example", "secret")
        self.lab = Lab(target, switches, {"query-1": self.double.url}, 1, load=LOAD)

    def answer(self, asked: Asked) -> Told:
        if asked.path == "/api/sessions":
            return Told(201, {"token": "t"})
        if asked.method == "PUT":
            self.off = asked.body["off"]
            self.faults.did.append("off" if self.off else "on")
        if asked.path == "/api/ops/protections":
            return Told(200, {"processes": [{"name": "gateway", "replica": "1", "off": self.off}], "unreached": []})
        return Told(200, {"items": []})


@pytest.fixture
def shop(serve: Serve, tmp_path: Path) -> Shop:
    return Shop(serve, tmp_path)


def test_a_run_goes_from_protected_to_protected(shop: Shop, tmp_path: Path) -> None:
    trial = shop.lab.run(RUN, 40.0, tmp_path / "run")
    assert shop.faults.did == ["off", "off", f"pause {PAUSED}", f"lift {PAUSED}", "on"]
    times = trial.times
    assert times.struck - times.began == pytest.approx(1.0, abs=0.6)
    assert times.lifted - times.struck == pytest.approx(2.0, abs=0.6)
    assert times.ended - times.lifted == pytest.approx(2.0, abs=0.6)
    assert (trial.audit[0].claim, trial.audit[0].differences) == ("nothing is lost", 0)
    assert trial.load.sent == trial.load.planned > 0
    assert read_told(tmp_path / "run" / "counters.jsonl")["query-1"]


def test_every_protection_is_off_meanwhile(shop: Shop, tmp_path: Path) -> None:
    seen: list[list[str]] = []
    inject = shop.faults.inject

    def look(fault: object) -> None:
        seen.append(shop.off)
        inject(fault)  # type: ignore[arg-type]

    shop.faults.inject = look  # type: ignore[method-assign]
    shop.lab.run(RUN, 40.0, tmp_path / "run", healed=lambda _: True)
    assert seen == [list(ALL)]


def test_a_run_whose_shop_is_back_ends_early_and_is_not_audited(shop: Shop, tmp_path: Path) -> None:
    trial = shop.lab.run(RUN, 40.0, tmp_path / "run", healed=lambda _: True)
    assert trial.times.ended - trial.times.lifted < 1.0
    assert trial.audit == ()


@pytest.mark.parametrize("trouble", [Refused("query-1 does not run"), KeyboardInterrupt()], ids=type)
def test_whatever_happens_protections_are_on_again_and_the_load_has_ended(
    shop: Shop, tmp_path: Path, trouble: BaseException
) -> None:
    def fail(_: object) -> None:
        raise trouble

    shop.faults.inject = fail  # type: ignore[method-assign]
    with pytest.raises(type(trouble)):
        shop.lab.run(RUN, 40.0, tmp_path / "run")
    assert shop.faults.did[-1] == "on"
    assert "ended" in json.loads((tmp_path / "run" / "load.json").read_text())


def test_the_trigger_is_lifted_when_the_load_ends_before_its_time(shop: Shop, tmp_path: Path) -> None:
    short = (sys.executable, "-c", SHORT)
    lab = Lab(shop.lab.target, shop.lab.switches, {}, 1, load=short)
    with pytest.raises(Refused, match="the load ended before its time"):
        lab.run(RUN, 40.0, tmp_path / "run")
    assert shop.faults.did == ["off", "off", f"pause {PAUSED}", f"lift {PAUSED}", "on"]


SHORT = """
import json, sys, time
folder = sys.argv[sys.argv.index("--out") + 1]
open(folder + "/load.json", "w").write(json.dumps({"began": time.time()}))
time.sleep(1.8)
"""


def test_a_shop_that_never_answers_in_time_is_refused(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gameday.ab.trial._CALM_WITHIN_S", 1.0)

    def slow(answer: Callable[[Asked], Told]) -> Callable[[Asked], Told]:
        return lambda asked: Told(200, answer(asked).body, after_s=0.4)

    shop.double.answer = slow(shop.double.answer)
    began = time.monotonic()
    with pytest.raises(Refused, match="does not answer in 300 ms"):
        shop.lab.calm()
    assert time.monotonic() - began < 5
