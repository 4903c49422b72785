"""The search for the edge: the lowest load at which the unprotected shop stays down after the trigger. Pure."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from gameday.ab.judge import DOWN, HEALTHY
from gameday.ab.measures import Measured

SHARES: Final = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""Of the capacity. Collapse needs attempts times load above it, so a third is where three attempts could."""
BEYOND: Final = 1.5
"""The comparison runs so much above the lowest rate that collapsed, or chance would heal one run in some."""
MOST: Final = 0.7
"""Of the capacity: the protected shop has to carry it."""


@dataclass(frozen=True, slots=True)
class Step:
    """One try: what the unprotected shop did at a rate (arrivals a second)."""

    share: float
    rate: float
    measured: Measured

    @property
    def overloaded(self) -> bool:
        """It was not healthy even before the trigger: no metastable failure, just too much load."""
        return self.measured.quiet < HEALTHY

    @property
    def collapsed(self) -> bool:
        return not self.overloaded and self.measured.recovery_s is None and self.measured.last < DOWN

    def __str__(self) -> str:
        seen = self.measured
        if self.overloaded:
            what = f"only {seen.quiet:.0%} good before the trigger: too much load"
        elif self.collapsed:
            what = f"stays down, {seen.last:.0%} good at the end"
        elif seen.recovery_s is None:
            what = f"neither down nor back, {seen.last:.0%} good at the end"
        else:
            what = f"heals {seen.recovery_s} s after the trigger"
        return f"{self.rate:.0f} a second ({self.share:.0%} of the capacity): {what}"


@dataclass(frozen=True, slots=True)
class Edge:
    """Every step that was made, and the rate of the comparison; None: there was no collapse."""

    steps: tuple[Step, ...]
    rate: float | None


def find(capacity: float, attempt: Callable[[float], Measured], tell: Callable[[Step], None]) -> Edge:
    """Up by tenths of the capacity until the shop collapses, or is overloaded before any trigger."""
    steps: list[Step] = []
    for share in SHARES:
        step = Step(share, share * capacity, attempt(share * capacity))
        steps.append(step)
        tell(step)
        if step.collapsed:
            return Edge(tuple(steps), min(BEYOND * share, max(share, MOST)) * capacity)
        if step.overloaded:
            break
    return Edge(tuple(steps), None)
