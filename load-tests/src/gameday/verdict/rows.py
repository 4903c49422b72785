"""From the requests of a run to the rows of its table."""

from collections import defaultdict
from collections.abc import Sequence

from gameday.verdict.bars import P99_TIMES
from gameday.verdict.contained import containment
from gameday.verdict.expect import Hypothesis
from gameday.verdict.figures import Figures, figures
from gameday.verdict.objective import away, recovery_s
from gameday.verdict.observation import Observation
from gameday.verdict.phases import Phase, Timeline
from gameday.verdict.verdict import Row

ORDER = ("checkout", "cancel", "orders", "cart", "browse", "recommendations", "account")
"""The journeys, the most important first."""


def rows(seen: Sequence[Observation], timeline: Timeline, hypothesis: Hypothesis) -> Sequence[Row]:
    """One row for each journey, or call named by the hypothesis, that was asked for, in ORDER."""
    by_row: dict[str, list[Observation]] = defaultdict(list)
    for one in seen:
        by_row[hypothesis.row_of(one.journey, one.call)].append(one)
    return [_row(name, by_row[name], timeline, hypothesis) for name in sorted(by_row, key=_place)]


def journey_of(row: str) -> str:
    return row.partition("/")[0]


def _place(row: str) -> tuple[int, str]:
    journey = journey_of(row)
    return (ORDER.index(journey) if journey in ORDER else len(ORDER), row)


def _row(name: str, seen: Sequence[Observation], timeline: Timeline, hypothesis: Hypothesis) -> Row:
    expect, p99_floor_ms = hypothesis.of(name), hypothesis.p99_floor_ms
    by_phase: dict[Phase, list[Observation]] = {span.phase: [] for span in timeline.spans}
    for one in seen:
        phase = timeline.phase_of(one.began, one.ended)
        if phase is not None:
            by_phase[phase].append(one)
    fault, healed_at = timeline.span(Phase.FAULT), timeline.heals_from
    by_phase.pop(Phase.WARM_UP, None)
    judged = [one for ones in by_phase.values() for one in ones]
    phases = {phase: figures(ones) for phase, ones in by_phase.items()}
    p99_bar_ms = max(P99_TIMES * phases.get(Phase.HEALTHY, Figures()).p99_ms, p99_floor_ms)
    return Row(
        name=name,
        expect=expect,
        phases=phases,
        p99_bar_ms=p99_bar_ms,
        p99_floor_ms=p99_floor_ms,
        slow={phase: sum(one.ms > p99_bar_ms for one in ones) for phase, ones in by_phase.items()},
        containment=None
        if fault is None or not expect.needs_the_part
        else containment(by_phase[Phase.FAULT], expect, fault.began, fault.ended - fault.began),
        healthy_s=None if healed_at is None else recovery_s(judged, healed_at),
        away=away(judged, min((span.began for span in timeline.spans), default=0.0)),
    )
