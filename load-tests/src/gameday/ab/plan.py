"""What is run and in which order: the comparison, the controls, the ablation; and how long it takes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gameday.workload.mix import Step, parse
from holdfast.resilience.protections import ALL, Protection

MIX_TEXT: Final = "browse.search=60,browse.product=20,browse.list=5,cart=10,checkout=3,account.session=2"
"""Mostly searches, of which few are asked twice: a cache cannot stand in for the store. Beside them a thin stream that
needs nothing of what is paused."""
MIX: Final[Sequence[Step]] = parse(MIX_TEXT)
READS: Final = "browse"
PAUSED: Final = "query"
"""The group that the trigger pauses: it answers every read."""

TRIGGER_S: Final = 10.0
SHORT_TRIGGER_S: Final = 1.0
LOW: Final = 0.25
"""Of the comparison's rate: three attempts at two hops and a client's repeat stay below the capacity."""
OVERHEAD_S: Final = 35.0
"""Of one run: shoppers are prepared before it, the shop drains and is audited after. For the estimate only."""
CAPACITY_S: Final = 75.0
PROBES: Final = 4
"""Of the search for the edge, as a rule. For the estimate only."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Seconds of one run. The first `warm_up_s` of the quiet phase are in no figure."""

    quiet_s: float
    after_s: float
    warm_up_s: float = 5.0


FULL: Final = Shape(quiet_s=30.0, after_s=90.0)
SHORT: Final = Shape(quiet_s=15.0, after_s=60.0)
QUICK: Final = Shape(quiet_s=10.0, after_s=45.0)
PROBE: Final = Shape(quiet_s=10.0, after_s=40.0)


@dataclass(frozen=True, slots=True)
class Case:
    """One way to run: which protections are `off`, at what share of the comparison's rate, how long the trigger."""

    name: str
    group: str
    off: tuple[Protection, ...]
    share: float = 1.0
    trigger_s: float = TRIGGER_S


OFF: Final = Case("off", "comparison", ALL)
ON: Final = Case("on", "comparison", ())
CONTROLS: Final = (
    Case("off, low load", "control", ALL, share=LOW),
    Case("on, low load", "control", (), share=LOW),
    Case("off, short trigger", "control", ALL, trigger_s=SHORT_TRIGGER_S),
    Case("on, short trigger", "control", (), trigger_s=SHORT_TRIGGER_S),
)
ABLATION: Final = tuple(Case(f"without {name}", "ablation", (name,)) for name in ALL)
PARTS: Final = ("comparison", "controls", "ablation")


@dataclass(frozen=True, slots=True)
class Planned:
    """One run to come; `number` counts the runs of its case from 1."""

    case: Case
    number: int
    shape: Shape

    @property
    def folder(self) -> str:
        return f"{self.case.name.replace(', ', '-').replace(' ', '-')}-{self.number}"

    @property
    def seconds(self) -> float:
        """How long the load lasts."""
        return self.shape.quiet_s + self.case.trigger_s + self.shape.after_s


def planned(parts: Sequence[str], repeats: int, shape: Shape) -> Sequence[Planned]:
    """Every run in its order. Off and on alternate, so that a slow change of the machine meets both."""
    runs: list[Planned] = []
    if "comparison" in parts:
        runs += [Planned(case, number, shape) for number in range(1, repeats + 1) for case in (OFF, ON)]
    if "controls" in parts:
        runs += [Planned(case, 1, SHORT) for case in CONTROLS]
    if "ablation" in parts:
        runs += [Planned(case, 1, SHORT) for case in ABLATION]
    return runs


def takes_s(runs: Sequence[Planned], *, measures: bool, searches: bool) -> float:
    """Seconds for all of it, if all goes as planned."""
    before = CAPACITY_S * measures
    probe = PROBE.quiet_s + TRIGGER_S + PROBE.after_s + OVERHEAD_S
    return before + PROBES * probe * searches + sum(run.seconds + OVERHEAD_S for run in runs)
