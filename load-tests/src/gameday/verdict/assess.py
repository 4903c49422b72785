"""One run's requests, samples, load and audit in; its verdict out."""

from collections.abc import Iterable, Sequence

from gameday.monitor.samples import Sample
from gameday.verdict import judge
from gameday.verdict.bars import Bars
from gameday.verdict.breakers import opening
from gameday.verdict.expect import Hypothesis
from gameday.verdict.hostile import hostile_findings
from gameday.verdict.observation import Observation
from gameday.verdict.overload import overload, overload_findings
from gameday.verdict.phases import Phase, Timeline
from gameday.verdict.rows import rows
from gameday.verdict.verdict import AuditLine, Finding, Hostile, LoadFacts, Verdict, result_of


def assess(
    seen: Sequence[Observation],
    samples: Sequence[Sample],
    timeline: Timeline,
    hypothesis: Hypothesis,
    load: LoadFacts,
    audit: Sequence[AuditLine],
    counts: judge.Counts,
    bars: Bars,
    also: Iterable[Finding] = (),
    attacked: Hostile | None = None,
) -> Verdict:
    """Every figure and every bar. `counts` are the requests that each phase needs, `also` what others found, `attacked`
    what an attack did.
    """
    table = rows(seen, timeline, hypothesis)
    fault = timeline.span(Phase.FAULT)
    opened = None
    if fault is not None and hypothesis.breaker:
        opened = opening(samples, hypothesis.breaker, fault.began, fault.ended)
    shown = None
    if fault is not None and hypothesis.goodput_per_s is not None:
        shown = overload(seen, fault, hypothesis.goodput_per_s)
    findings = [
        *also,
        *judge.audit_findings(audit),
        *judge.load_findings(load),
        *judge.course_findings(timeline),
        *judge.count_findings(table, timeline, counts),
        *(finding for row in table for finding in judge.row_findings(row, timeline, bars)),
        *(judge.containment_findings(table, hypothesis, opened, bars) if fault is not None else ()),
        *(overload_findings(shown) if shown is not None else ()),
        *(hostile_findings(attacked, timeline) if attacked is not None else ()),
    ]
    return Verdict(
        result=result_of(findings),
        findings=findings,
        rows=table,
        opened_s=None if opened is None else (opened.earliest_s, opened.latest_s),
        audit=tuple(audit),
        load=load,
        overload=shown,
        hostile=attacked,
    )
