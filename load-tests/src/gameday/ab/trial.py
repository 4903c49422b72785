"""One run: protections switched, load, the trigger, and what is left when all is over."""

import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import httpx

from gameday.ab.counters import Counting
from gameday.ab.plan import MIX_TEXT, PAUSED, Planned
from gameday.ab.switches import Switches
from gameday.experiments.generator import Generator, program
from gameday.nemesis.fault import Fault, Kind, Refused
from gameday.target import Target
from gameday.verdict.verdict import AuditLine, LoadFacts
from holdfast.resilience.protections import ALL

_LOOK_EACH_S: Final = 0.5
_ASK_EACH_S: Final = 3.0  # reading all requests of a run takes time that the shop would miss
_SPARE_S: Final = 2.0  # the trigger is lifted here; by itself it ends so much later, if nobody is left to lift it
_CALM_WITHIN_S: Final = 120.0  # what unprotected processes still hold ends a minute after its request came
_CALM_MS: Final = 300.0
_CALM_ANSWERS: Final = 5
_AUDIT_WAITS_S: Final = 60

Healed = Callable[["Times"], bool]


@dataclass(frozen=True, slots=True)
class Times:
    """Unix seconds: the load's begin, the trigger's begin and end, the load's end. `folder` has the run's files."""

    folder: Path
    began: float
    struck: float
    lifted: float
    ended: float


@dataclass(frozen=True, slots=True)
class Trial:
    """One run that was made. `rate`: arrivals a second.

    `unoffered`: carts and checkouts that nobody could make, since every shopper still waited for an answer.
    """

    planned: Planned
    rate: float
    times: Times
    load: LoadFacts
    unoffered: int
    audit: tuple[AuditLine, ...]


def arrivals(on: str) -> Sequence[str]:
    """The program that makes the arrivals of every run, for a shop that runs `local` or in `docker`."""
    return (*program(on), "--mix", MIX_TEXT)


@dataclass(frozen=True, slots=True)
class Lab:
    """A running shop to experiment on. `places`: where counters are read; `load`: the program that makes arrivals."""

    target: Target
    switches: Switches
    places: Mapping[str, str]
    seed: int
    load: Sequence[str]

    def run(self, planned: Planned, rate: float, folder: Path, healed: Healed | None = None) -> Trial:
        """Leaves the shop calm with every protection on, whatever happens. Raises Refused.

        With `healed` the run ends early, once that says so, and is not audited.
        """
        folder.mkdir(parents=True)
        with ExitStack() as after:
            after.callback(self.switches.switch_off, (), patience_s=_CALM_WITHIN_S)
            self.forget()
            self.switches.switch_off(planned.case.off)
            generator = Generator(self.load, folder, self.target.gateways, rate, planned.seconds, self.seed)
            counting = Counting(folder / "counters.jsonl", self.places)
            after.callback(counting.stop)
            after.callback(generator.stop)
            began = generator.start()
            counting.start()
            times = self._watch(planned, generator, began, healed)
            self.calm()  # counted to the end: a flooded process tells what it did once it has drained
        audit = () if healed else self._audit(generator.acks)
        trial = Trial(planned, rate, times, generator.facts(), _unoffered(folder), audit)
        described = asdict(trial)
        (folder / "trial.json").write_text(json.dumps(described, indent=2, default=os.fspath) + "\n")
        return trial

    def _watch(self, planned: Planned, generator: Generator, began: float, healed: Healed | None) -> Times:
        case, shape = planned.case, planned.shape
        _wait(generator, began + shape.quiet_s)
        struck = time.time()
        self.target.faults.inject(Fault(PAUSED, Kind.PAUSE, case.trigger_s + _SPARE_S))
        try:
            _wait(generator, struck + case.trigger_s)
        finally:
            self.target.faults.lift(PAUSED)
        lifted = time.time()
        ends_at = lifted + shape.after_s
        while (now := time.time()) < ends_at and generator.lives():
            if healed is not None and healed(Times(generator.folder, began, struck, lifted, now)):
                break
            time.sleep(min(ends_at - now, _LOOK_EACH_S if healed is None else _ASK_EACH_S))
        generator.stop()
        return Times(generator.folder, began, struck, lifted, min(now, ends_at))

    def forget(self) -> None:
        """Empties the gateways' caches: the run before asked for the same things, and what it left would flatter this.

        A cache that is off forgets with the next read, which `calm` makes at each gateway.
        """
        self.switches.switch_off(ALL)
        self.calm()

    def calm(self) -> None:
        """Waits until reads are answered at once again. Raises Refused when they never are."""
        ends_at, served = time.monotonic() + _CALM_WITHIN_S, 0
        with httpx.Client(timeout=2.0, trust_env=False) as http:
            while served < _CALM_ANSWERS:
                if time.monotonic() > ends_at:
                    raise Refused(f"the shop does not answer in {_CALM_MS:.0f} ms {_CALM_WITHIN_S:.0f} s after a run")
                began = time.monotonic()
                try:
                    answer = http.get(f"{self.target.gateways[served % len(self.target.gateways)]}/api/products")
                    fast = answer.status_code == httpx.codes.OK and 1000 * (time.monotonic() - began) < _CALM_MS
                except httpx.HTTPError:
                    fast = False
                served = served + 1 if fast else 0
                time.sleep(_LOOK_EACH_S / 2)

    def _audit(self, acks: Path) -> tuple[AuditLine, ...]:
        result = self.target.audit(acks, _AUDIT_WAITS_S)
        return tuple(AuditLine(*line) for line in result.table)


def _wait(generator: Generator, until: float) -> None:
    while (left_s := until - time.time()) > 0:
        if not generator.lives():
            raise Refused(f"the load ended before its time, see {generator.folder / 'load.log'}")
        time.sleep(min(left_s, _LOOK_EACH_S))


def _unoffered(folder: Path) -> int:
    return int(json.loads((folder / "load.json").read_text()).get("unoffered", 0))
