"""Runs made up to the last request: what a test says happened, and nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from gameday.experiments.phase_lengths import FULL
from gameday.monitor.samples import Breaker, Sample
from gameday.verdict.assess import assess
from gameday.verdict.bars import FULL_BARS, Bars
from gameday.verdict.expect import Expect, Hypothesis
from gameday.verdict.judge import Counts
from gameday.verdict.observation import JudgedBy, see
from gameday.verdict.phases import Phase, Span, Timeline
from gameday.verdict.verdict import AuditLine, LoadFacts, Verdict
from gameday.workload.records import Outcome, Record

BEGAN = 1_700_000_000.0
LENGTHS = {Phase.WARM_UP: 10, Phase.HEALTHY: 60, Phase.FAULT: 60, Phase.RECOVERY: 10, Phase.AFTER: 60}
RATES = {"browse": 20, "cart": 20, "checkout": 24, "cancel": 24, "orders": 24, "recommendations": 2}
"""Calls a second: a minute has as many as each phase must see."""


def timeline(**changes: object) -> Timeline:
    spans, began = [], BEGAN
    for phase, length in LENGTHS.items():
        spans.append(Span(phase, began, began + length))
        began += length
    return replace(Timeline(tuple(spans), lifted_at=spans[3].began), **changes)  # type: ignore[arg-type]


def record(journey: str, at: float, outcome: Outcome = Outcome.OK, ms: float = 10.0, call: str = "some") -> Record:
    return Record(
        journey=journey, call=call, intended=at, sent=at, ended=at + ms / 1000, status=200, code="", outcome=outcome,
        served_from="", degraded="", age_s=None, attempts=1, gateway=0, first_ms=ms, first_outcome=outcome,
    )  # fmt: skip


def healthy_records() -> list[Record]:
    """Every journey at its rate from the first to the last second, all served in 10 ms."""
    seconds = sum(LENGTHS.values())
    return [
        record(journey, BEGAN + second + (number + 0.5) / rate)
        for journey, rate in RATES.items()
        for second in range(seconds)
        for number in range(rate)
    ]


def change(
    records: Sequence[Record], journey: str, from_s: float, to_s: float, outcome: Outcome, ms: float = 10.0
) -> list[Record]:
    """Requests of the journey that begin in these seconds of the fault (negative: before it) get this answer."""
    fault = timeline().span(Phase.FAULT)
    assert fault is not None
    return [
        record(journey, one.intended, outcome, ms, one.call)
        if one.journey == journey and from_s <= one.intended - fault.began < to_s
        else one
        for one in records
    ]


def breaker_open(from_s: float, to_s: float, dependency: str = "elasticsearch") -> list[Sample]:
    """A sample each half second of the fault; the breaker is open in these seconds of it."""
    fault = timeline().span(Phase.FAULT)
    assert fault is not None
    return [
        Sample(
            at=fault.began + half / 2,
            breakers=(
                Breaker("query-service", dependency, "", "open" if from_s <= half / 2 < to_s else "closed", 0, 32),
            ),
        )
        for half in range(120)
    ]


@dataclass(frozen=True)
class Run:
    """A run as it is judged; by default all is well."""

    records: Sequence[Record] = field(default_factory=healthy_records)
    samples: Sequence[Sample] = ()
    timeline: Timeline = field(default_factory=timeline)
    hypothesis: Hypothesis = Hypothesis({})  # noqa: RUF009 - frozen
    load: LoadFacts = LoadFacts(10_000, 10_000, 5.0)  # noqa: RUF009 - frozen
    audit: Sequence[AuditLine] = (AuditLine("nothing is lost", 10, 0),)
    counts: Counts = field(default_factory=lambda: FULL.counts)
    bars: Bars = FULL_BARS

    def verdict(self, judged_by: JudgedBy = JudgedBy.FIRST, apart: str = "") -> Verdict:
        seen = list(see(self.records, judged_by, apart))
        return assess(seen, self.samples, self.timeline, self.hypothesis, self.load, self.audit, self.counts, self.bars)


def elasticsearch_killed() -> Run:
    """A run as the matrix promises it: browsing gets last good answers at once, some stay 503."""
    records = change(healthy_records(), "browse", 0, 60, Outcome.DEGRADED, ms=8)
    records = change(records, "browse", 0, 1, Outcome.CONTAINED, ms=250)
    hypothesis = Hypothesis({"browse": Expect.STALE}, breaker="elasticsearch", caught_at_most=64)
    return Run(records=records, hypothesis=hypothesis, samples=breaker_open(1, 60))
