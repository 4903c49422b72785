"""A run held against its bars: each miss becomes one sentence that names journey, phase, value and bar."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from gameday.verdict import bars
from gameday.verdict.breakers import Opening
from gameday.verdict.expect import Expect, Hypothesis
from gameday.verdict.figures import Figures, reaches
from gameday.verdict.phases import Phase, Timeline
from gameday.verdict.rows import journey_of
from gameday.verdict.verdict import AuditLine, Finding, LoadFacts, Row, Weight

_NEEDED = (Phase.HEALTHY, Phase.FAULT, Phase.AFTER)


def audit_findings(audit: Sequence[AuditLine]) -> Iterator[Finding]:
    """Differences fail any run."""
    for line in audit:
        if line.differences:
            yield Finding(Weight.AUDIT, f"The audit: “{line.claim}” has {line.differences} differences, bar 0.")


def load_findings(load: LoadFacts) -> Iterator[Finding]:
    """A generator that lagged or fell short voids the run."""
    if load.lag_p99_ms > bars.LAG_P99_MS:
        text = f"The load came {load.lag_p99_ms:.0f} ms late (p99), bar {bars.LAG_P99_MS:.0f} ms: it measured itself."
        yield Finding(Weight.VOID, text)
    if load.sent < bars.SENT_SHARE * load.planned:
        share = percent(load.sent / load.planned)
        yield Finding(Weight.VOID, f"The load sent {share} of its plan, bar {percent(bars.SENT_SHARE)}.")
    if not load.ended:
        yield Finding(Weight.VOID, "The load generator ended before the run did.")


def course_findings(timeline: Timeline) -> Iterator[Finding]:
    """A run that was stopped: by the abort condition it failed, by anything else it says nothing."""
    if timeline.aborted:
        yield Finding(Weight.BAR, f"Stopped: {timeline.aborted}.")
    elif missing := [phase.value for phase in _NEEDED if timeline.span(phase) is None]:
        yield Finding(Weight.VOID, f"The run ended early, without its phase {', '.join(missing)}.")


def count_findings(rows: Sequence[Row], timeline: Timeline, counts: Mapping[str, int]) -> Iterator[Finding]:
    """Too few requests of a judged journey in a phase that was."""
    for span in timeline.spans:
        if span.phase not in _NEEDED or timeline.aborted:
            continue
        seen: Counter[str] = Counter()
        for row in rows:
            seen[journey_of(row.name)] += row.phases[span.phase].requests
        for journey, wanted in counts.items():
            if seen[journey] < wanted:
                text = f"{journey}, {span.phase}: {seen[journey]} requests are too few to judge, bar {wanted}."
                yield Finding(Weight.FEW, text)


def row_findings(row: Row, timeline: Timeline) -> Iterator[Finding]:
    """One row in every phase against what it is promised."""
    for phase, seen in row.phases.items():
        if not seen.requests:
            continue
        if phase is Phase.HEALTHY:
            yield from _healthy_findings(row, seen)
        elif phase is Phase.AFTER or row.expect.as_healthy:
            allows_marks = phase is not Phase.AFTER and row.expect is Expect.MARKED
            yield from _served_findings(row, phase, seen, allows_marks)
            if phase is not Phase.RECOVERY or timeline.served_at is None:
                yield from _p99_findings(row, phase, seen)
    yield from _recovery_findings(row, timeline)


def _healthy_findings(row: Row, seen: Figures) -> Iterator[Finding]:
    served = seen.success + seen.refused
    if not reaches(served, seen.requests, bars.ONE_RUN_SHARE, enough_for(row.name)):
        yield Finding(Weight.VOID, f"{_share_text(row.name, Phase.HEALTHY, served, seen)}: it was not well before.")


def _served_findings(row: Row, phase: Phase, seen: Figures, allows_marks: bool) -> Iterator[Finding]:
    served = seen.success + seen.refused + (seen.degraded if allows_marks else 0)
    if not reaches(served, seen.requests, bars.ONE_RUN_SHARE, enough_for(row.name)):
        yield Finding(Weight.BAR, f"{_share_text(row.name, phase, served, seen)}.")
    healthy = row.phases.get(Phase.HEALTHY, Figures())
    usual = healthy.unasked / max(1, healthy.requests)
    bar = usual + bars.REFUSED_MORE_SHARE
    if not reaches(seen.requests - seen.unasked, seen.requests, 1 - bar, enough_for(row.name)):
        share = percent(seen.unasked / seen.requests)
        yield Finding(Weight.BAR, f"{row.name}, {phase}: {share} refused, bar {percent(bar)} (healthy and 1 %).")


def _p99_findings(row: Row, phase: Phase, seen: Figures) -> Iterator[Finding]:
    if not reaches(seen.requests - row.slow[phase], seen.requests, bars.P99_SHARE, enough_for(row.name)):
        bar = f"bar {row.p99_bar_ms:.0f} ms (twice healthy, at least {row.p99_floor_ms:.0f})"
        yield Finding(Weight.BAR, f"{row.name}, {phase}: p99 {seen.p99_ms:.0f} ms, {bar}.")


def _recovery_findings(row: Row, timeline: Timeline) -> Iterator[Finding]:
    if timeline.heals_from is None or row.expect is Expect.AS_HEALTHY:
        return
    if not row.phases.get(Phase.AFTER, Figures()).requests:
        return
    if row.healthy_s is None or row.healthy_s > bars.HEALTHY_WITHIN_S:
        when = "never seen" if row.healthy_s is None else f"after {row.healthy_s} s"
        since = "the end of the fault" if timeline.served_at is None else "the restarted part was ready"
        text = f"{row.name}, recovery: healthy {when} since {since}, bar {bars.HEALTHY_WITHIN_S:.0f} s."
        yield Finding(Weight.BAR, text)


def containment_findings(rows: Sequence[Row], hypothesis: Hypothesis, opened: Opening | None) -> Iterator[Finding]:
    """Those who need the part: promised answers, at once, from the open breaker on."""
    affected = [(row, row.containment) for row in rows if row.containment is not None]
    rate = sum(shown.rate for _, shown in affected)
    within_s = bars.OPEN_WITHIN_S * max(1.0, bars.OPEN_AT_RATE / rate) if rate else bars.OPEN_WITHIN_S
    for row, shown in affected:
        if shown.quick_after_s is None or shown.quick_after_s > within_s:
            when = "never" if shown.quick_after_s is None else f"from {shown.quick_after_s:.1f} s on"
            text = f"{row.name}, fault: answers within 100 ms {when}, bar {within_s:.1f} s at {rate:.0f} calls/s."
            yield Finding(Weight.BAR, text)
        if not reaches(shown.promised, shown.answers, bars.CONTAINED_SHARE, enough_for(row.name)):
            share, bar = percent(shown.promised / shown.answers), percent(bars.CONTAINED_SHARE)
            yield Finding(Weight.BAR, f"{row.name}, fault: {share} answered as promised ({row.expect}), bar {bar}.")
    caught = sum(shown.caught for _, shown in affected)
    if hypothesis.caught_at_most is not None and caught > hypothesis.caught_at_most:
        text = f"{caught} calls were caught before the breaker was open, bar {hypothesis.caught_at_most} (bulkheads)."
        yield Finding(Weight.BAR, text)
    if hypothesis.breaker and rate >= bars.OPEN_AT_RATE:
        yield from _breaker_findings(hypothesis.breaker, opened)


def _breaker_findings(dependency: str, opened: Opening | None) -> Iterator[Finding]:
    bar = f"bar {bars.OPEN_WITHIN_S:.0f} s"
    if opened is None:
        yield Finding(Weight.BAR, f"No breaker of calls to {dependency} was seen open during the fault, {bar}.")
    elif opened.earliest_s > bars.OPEN_WITHIN_S:
        yield Finding(
            Weight.BAR, f"The breaker of {dependency} opened {opened.earliest_s:.1f} s after the fault, {bar}."
        )


def enough_for(row: str) -> int:
    """From how many requests on a share of this row is compared as it is."""
    return bars.FULL_COUNTS.get(journey_of(row), bars.FULL_COUNTS["browse"])


def _share_text(name: str, phase: Phase, served: int, seen: Figures) -> str:
    share, bar = percent(served / seen.requests), percent(bars.ONE_RUN_SHARE)
    return f"{name}, {phase}: {share} of {seen.requests} served, bar {bar}"


def percent(share: float) -> str:
    """99.87 %, cut and not rounded: what missed its bar must not look as if it met it."""
    return f"{int(share * 10_000 + 1e-6) / 100:g} %"
