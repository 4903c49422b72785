"""A run held against its bars: each miss becomes one sentence that names journey, phase, value and bar."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from gameday.verdict.bars import (
    HEALTHY_WITHIN_S,
    JUDGED,
    LAG_P99_MS,
    OPEN_AT_RATE,
    OPEN_WITHIN_S,
    REFUSED_MORE_SHARE,
    SENT_SHARE,
    Bars,
)
from gameday.verdict.binomial import Shown, at_most, decide, refutes
from gameday.verdict.breakers import Opening
from gameday.verdict.expect import Expect, Hypothesis
from gameday.verdict.figures import Figures
from gameday.verdict.phases import Phase, Timeline
from gameday.verdict.rows import journey_of
from gameday.verdict.verdict import AuditLine, Finding, LoadFacts, Row, Weight

_NEEDED = (Phase.HEALTHY, Phase.FAULT, Phase.AFTER)
Counts = Mapping[Phase, Mapping[str, int]]
"""Requests of each judged journey that each phase needs."""


def audit_findings(audit: Sequence[AuditLine]) -> Iterator[Finding]:
    """Differences fail any run."""
    for line in audit:
        if line.differences:
            yield Finding(Weight.AUDIT, f"The audit: “{line.claim}” has {line.differences} differences, bar 0.")


def load_findings(load: LoadFacts) -> Iterator[Finding]:
    """A generator that lagged or fell short voids the run."""
    if load.lag_p99_ms > LAG_P99_MS:
        text = f"The load came {load.lag_p99_ms:.0f} ms late (p99), bar {LAG_P99_MS:.0f} ms: it measured itself."
        yield Finding(Weight.VOID, text)
    if load.sent < SENT_SHARE * load.planned:
        share = percent(load.sent / load.planned)
        yield Finding(Weight.VOID, f"The load sent {share} of its plan, bar {percent(SENT_SHARE)}.")
    if not load.ended:
        yield Finding(Weight.VOID, "The load generator ended before the run did.")


def course_findings(timeline: Timeline) -> Iterator[Finding]:
    """A run that was stopped: by the abort condition it failed, by anything else it says nothing."""
    if timeline.aborted:
        yield Finding(Weight.BAR, f"Stopped: {timeline.aborted}.")
    elif missing := [phase.value for phase in _NEEDED if timeline.span(phase) is None]:
        yield Finding(Weight.VOID, f"The run ended early, without its phase {', '.join(missing)}.")


def count_findings(rows: Sequence[Row], timeline: Timeline, counts: Counts) -> Iterator[Finding]:
    """Too few requests of a judged journey in a phase that was."""
    for span in timeline.spans:
        if span.phase not in _NEEDED or timeline.aborted:
            continue
        seen: Counter[str] = Counter()
        for row in rows:
            seen[journey_of(row.name)] += row.phases[span.phase].requests
        for journey, wanted in counts.get(span.phase, {}).items():
            if seen[journey] < wanted:
                text = f"{journey}, {span.phase}: {seen[journey]} requests are too few to judge, bar {wanted}."
                yield Finding(Weight.FEW, text)


def row_findings(row: Row, timeline: Timeline, bars: Bars) -> Iterator[Finding]:
    """One row against what it is promised: the fault phase has to show it, the others must not refute it."""
    for phase, seen in row.phases.items():
        if not seen.requests:
            continue
        if phase is Phase.HEALTHY:
            yield from _healthy_findings(row, seen, bars)
        elif phase is Phase.AFTER or row.expect.as_healthy:
            yield from _served_findings(row, phase, seen, bars)
            if phase is not Phase.RECOVERY or timeline.served_at is None:
                yield from _time_findings(row, phase, seen, bars)
    yield from _recovery_findings(row, timeline)


def _healthy_findings(row: Row, seen: Figures, bars: Bars) -> Iterator[Finding]:
    bar = bars.of(bars.served, row.name)
    served = seen.success + seen.refused
    if refutes(served, seen.requests, bar):
        share = _share(served, seen.requests)
        yield Finding(Weight.VOID, f"{row.name}, healthy: {share} served, bar {percent(bar)}: it was not well before.")


def _served_findings(row: Row, phase: Phase, seen: Figures, bars: Bars) -> Iterator[Finding]:
    allows_marks = phase is not Phase.AFTER and row.expect is Expect.MARKED
    served = seen.success + seen.refused + (seen.degraded if allows_marks else 0)
    yield from _claim(row, phase, "served", served, seen.requests, bars.of(bars.served, row.name))
    healthy = row.phases.get(Phase.HEALTHY, Figures())
    most = healthy.unasked / max(1, healthy.requests) + REFUSED_MORE_SHARE
    if refutes(seen.requests - seen.unasked, seen.requests, max(0.0, 1 - most)):
        share = percent(seen.unasked / seen.requests)
        yield Finding(Weight.BAR, f"{row.name}, {phase}: {share} refused, bar {percent(most)} (healthy and 1 %).")


def _time_findings(row: Row, phase: Phase, seen: Figures, bars: Bars) -> Iterator[Finding]:
    limit = f"within {row.p99_bar_ms:.0f} ms (twice healthy p99, at least {row.p99_floor_ms:.0f})"
    bar = bars.of(bars.in_time, row.name)
    yield from _claim(row, phase, limit, seen.requests - row.slow[phase], seen.requests, bar)


def _claim(row: Row, phase: Phase, what: str, good: int, total: int, bar: float) -> Iterator[Finding]:
    """A missed bar if the sample refutes it. A judged journey's fault phase has to show it."""
    decision = decide(good, total, bar)
    text = f"{row.name}, {phase}: {_share(good, total)} {what}"
    if decision.shown is Shown.REFUTED:
        yield Finding(Weight.BAR, f"{text}, at most {percent(at_most(good, total))}, bar {percent(bar)}.")
    elif decision.shown is Shown.OPEN and phase is Phase.FAULT and journey_of(row.name) in JUDGED:
        yield Finding(Weight.FEW, f"{text}, bar {percent(bar)}: {decision.missing:,} more good ones would show it.")


def _recovery_findings(row: Row, timeline: Timeline) -> Iterator[Finding]:
    if timeline.heals_from is None or row.expect is Expect.AS_HEALTHY:
        return
    if not row.phases.get(Phase.AFTER, Figures()).requests:
        return
    if row.healthy_s is None or row.healthy_s > HEALTHY_WITHIN_S:
        when = "never seen" if row.healthy_s is None else f"after {row.healthy_s} s"
        since = "the end of the fault" if timeline.served_at is None else "the restarted part was ready"
        text = f"{row.name}, recovery: healthy {when} since {since}, bar {HEALTHY_WITHIN_S:.0f} s."
        yield Finding(Weight.BAR, text)


def containment_findings(
    rows: Sequence[Row], hypothesis: Hypothesis, opened: Opening | None, bars: Bars
) -> Iterator[Finding]:
    """Those who need the part: promised answers, at once, from the open breaker on."""
    affected = [(row, row.containment) for row in rows if row.containment is not None]
    rate = sum(shown.rate for _, shown in affected)
    within_s = OPEN_WITHIN_S * max(1.0, OPEN_AT_RATE / rate) if rate else OPEN_WITHIN_S
    for row, shown in affected:
        if shown.quick_after_s is None or shown.quick_after_s > within_s:
            when = "never" if shown.quick_after_s is None else f"from {shown.quick_after_s:.1f} s on"
            text = f"{row.name}, fault: answers within 100 ms {when}, bar {within_s:.1f} s at {rate:.0f} calls/s."
            yield Finding(Weight.BAR, text)
        what = f"answered as promised ({row.expect})"
        yield from _claim(row, Phase.FAULT, what, shown.promised, shown.answers, bars.of(bars.promised, row.name))
        if row.expect.value in bars.yields and journey_of(row.name) in JUDGED:
            bar = bars.yields[row.expect.value]
            yield from _claim(row, Phase.FAULT, "answered and not with 503", shown.yielded, shown.answers, bar)
    caught = sum(shown.caught for _, shown in affected)
    if hypothesis.caught_at_most is not None and caught > hypothesis.caught_at_most:
        text = f"{caught} calls were caught before the breaker was open, bar {hypothesis.caught_at_most} (bulkheads)."
        yield Finding(Weight.BAR, text)
    if hypothesis.breaker and rate >= OPEN_AT_RATE:
        yield from _breaker_findings(hypothesis.breaker, opened)


def _breaker_findings(dependency: str, opened: Opening | None) -> Iterator[Finding]:
    bar = f"bar {OPEN_WITHIN_S:.0f} s"
    if opened is None:
        yield Finding(Weight.BAR, f"No breaker of calls to {dependency} was seen open during the fault, {bar}.")
    elif opened.earliest_s > OPEN_WITHIN_S:
        yield Finding(
            Weight.BAR, f"The breaker of {dependency} opened {opened.earliest_s:.1f} s after the fault, {bar}."
        )


def is_open(rows: Sequence[Row], hypothesis: Hypothesis, bars: Bars) -> bool:
    """Whether more requests could still decide a bar of the fault phase."""
    fault = Timeline()
    found = [finding for row in rows for finding in row_findings(row, fault, bars)]
    found += containment_findings(rows, hypothesis, None, bars)
    return any(finding.weight is Weight.FEW for finding in found)


def _share(good: int, total: int) -> str:
    return f"{percent(good / total if total else 0.0)} of {total:,}"


def percent(share: float) -> str:
    """99.87 %, cut and not rounded: what missed its bar must not look as if it met it."""
    return f"{int(share * 10_000 + 1e-6) / 100:g} %"
