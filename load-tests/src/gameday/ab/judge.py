"""The claim, judged: unprotected the shop stays down, protected it is back in seconds, and nothing is lost. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from gameday.ab.measures import BACK, LAST_S, Measured
from gameday.ab.plan import Case, Planned
from gameday.verdict.verdict import AuditLine, Finding, LoadFacts, Weight

HEALTHY: Final = 0.95
"""Good reads before the trigger, or a run is not about the trigger; and at the end of a control that healed."""
DOWN: Final = 0.2
BACK_WITHIN_S: Final = 10
UNRELATED: Final = 0.99
LAG_MS: Final = 50.0
SENT: Final = 0.99
_NEVER: Final = 1e9


@dataclass(frozen=True, slots=True)
class Judged:
    """One run as it is judged. `rate`: arrivals a second; `unoffered`: see trial.Trial."""

    planned: Planned
    rate: float
    measured: Measured
    load: LoadFacts
    audit: tuple[AuditLine, ...]
    unoffered: int = 0

    @property
    def name(self) -> str:
        return f"{self.planned.case.name} #{self.planned.number}"


def findings(runs: Sequence[Judged]) -> Sequence[Finding]:
    """Everything that speaks against the claim. Of repeated runs the median counts."""
    return [
        *(finding for run in runs for finding in _audited(run)),
        *(finding for run in runs if run.planned.case.group != "ablation" for finding in _sound(run)),
        *_comparison(runs),
        *(finding for run in runs if run.planned.case.group == "control" for finding in _heals(run)),
    ]


def _audited(run: Judged) -> Iterator[Finding]:
    """Zero in every run: without protections too, the shop loses nothing."""
    for line in run.audit:
        if line.differences:
            yield Finding(Weight.AUDIT, f"{run.name}: {line.differences} differences: {line.claim}.")


def _sound(run: Judged) -> Iterator[Finding]:
    """Whether the run says anything. The ablation has no bar, so its table shows the same figures and that is all."""
    load = run.load
    # Whoever waits for a cart makes no checkout: of a shop that does not answer this is no fault of the generator.
    excused = run.unoffered if run.planned.case.off else 0
    if not load.ended or load.sent + excused < SENT * load.planned:
        yield Finding(Weight.VOID, f"{run.name}: only {load.sent:,} of {load.planned:,} arrivals were sent.")
    if load.lag_p99_ms > LAG_MS:
        yield Finding(Weight.VOID, f"{run.name}: arrivals were sent {load.lag_p99_ms:.0f} ms late (p99).")
    if run.measured.quiet < HEALTHY:
        yield Finding(Weight.VOID, f"{run.name}: only {run.measured.quiet:.1%} of reads good before the trigger.")


def _comparison(runs: Sequence[Judged]) -> Iterator[Finding]:
    off, on = of_case(runs, "off"), of_case(runs, "on")
    if off and (last := middle(off, "last")) >= DOWN:
        yield Finding(
            Weight.BAR, f"Unprotected it did not stay down: {last:.0%} of reads good in the last {LAST_S:.0f} s."
        )
    if not on:
        return
    recovery = median(_NEVER if run.measured.recovery_s is None else run.measured.recovery_s for run in on)
    if recovery > BACK_WITHIN_S:
        after = "was never back" if recovery == _NEVER else f"was back {recovery:.0f} s after the trigger"
        yield Finding(Weight.BAR, f"Protected it {after}; the bar is {BACK_WITHIN_S} s.")
    if (last := middle(on, "last")) < BACK:
        yield Finding(Weight.BAR, f"Protected only {last:.1%} of reads were good in the last {LAST_S:.0f} s.")
    if (unrelated := middle(on, "unrelated")) < UNRELATED:
        yield Finding(Weight.BAR, f"Protected, carts and checkouts left their objective: {unrelated:.1%} served.")


def _heals(run: Judged) -> Iterator[Finding]:
    if run.measured.recovery_s is None or run.measured.last < HEALTHY:
        yield Finding(Weight.BAR, f"The control “{run.planned.case.name}” did not heal: {run.measured.last:.0%} good.")


def of_case(runs: Sequence[Judged], name: str) -> Sequence[Judged]:
    return [run for run in runs if run.planned.case.name == name]


def middle(runs: Sequence[Judged], field: str) -> float:
    """The median of one figure."""
    return median(float(getattr(run.measured, field)) for run in runs)


def cases(runs: Sequence[Judged]) -> Sequence[Case]:
    """In the order in which they were run."""
    return list(dict.fromkeys(run.planned.case for run in runs))
