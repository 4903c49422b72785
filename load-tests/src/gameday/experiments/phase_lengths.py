"""How long the phases of a run last: the full form of the gate, and the quick one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gameday.verdict.bars import (
    FULL_BARS,
    FULL_COUNTS,
    FULL_FAULT_COUNTS,
    HEALTHY_WITHIN_S,
    QUICK_BARS,
    QUICK_COUNTS,
    Bars,
)
from gameday.verdict.phases import Phase
from gameday.workload.mix import MIX

GENERATOR_STARTS_S: Final = 15.0
"""What the generator takes until its shoppers are prepared; for the estimate only."""
AUDIT_S: Final = 15.0
"""The drain and the audit of a short run; for the estimate only."""
JVM_STARTS_S: Final = 25.0
"""From start to readiness on two busy cores; for the estimate only."""
PART_STARTS_S: Final = 6.0
"""Any part's on the average; for the estimate only."""


@dataclass(frozen=True, slots=True)
class PhaseLengths:
    """Seconds. A phase lasts at least at_least_s, then until each journey has its count, and the fault until every bar
    is decided, but at most at_most_s.

    settles_within_s: how much longer than warm_up_s the warm-up lasts at the most, until shoppers are served.
    """

    name: str
    warm_up_s: float
    at_least_s: Mapping[Phase, float]
    at_most_s: float
    counts: Mapping[Phase, Mapping[str, int]]
    bars: Bars
    settles_within_s: float = 15.0

    def phase_s(self, phase: Phase, rate: float, own_s: float | None = None) -> float:
        """How long the phase will last at so many arrivals a second, if all goes as planned."""
        at_least_s = own_s or self.at_least_s[phase]
        if phase is Phase.RECOVERY:
            return at_least_s
        needed_s = max(count / (rate * share(journey)) for journey, count in self.counts[phase].items())
        return max(at_least_s, min(self.at_most_s, needed_s))


FULL: Final = PhaseLengths(
    "full",
    warm_up_s=30.0,  # RESILIENCE 5
    at_least_s={Phase.HEALTHY: 30.0, Phase.FAULT: 60.0, Phase.RECOVERY: HEALTHY_WITHIN_S, Phase.AFTER: 30.0},
    at_most_s=480.0,
    counts={Phase.HEALTHY: FULL_COUNTS, Phase.FAULT: FULL_FAULT_COUNTS, Phase.AFTER: FULL_COUNTS},
    bars=FULL_BARS,
)
QUICK: Final = PhaseLengths(
    "quick",
    warm_up_s=6.0,
    at_least_s={Phase.HEALTHY: 10.0, Phase.FAULT: 15.0, Phase.RECOVERY: HEALTHY_WITHIN_S, Phase.AFTER: 10.0},
    at_most_s=25.0,
    counts=dict.fromkeys((Phase.HEALTHY, Phase.FAULT, Phase.AFTER), QUICK_COUNTS),
    bars=QUICK_BARS,
)


def share(journey: str) -> float:
    """The journey's share of all arrivals."""
    return sum(step.percent for step in MIX if step.journey == journey) / sum(step.percent for step in MIX)
