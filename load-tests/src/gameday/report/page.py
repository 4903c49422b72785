"""The page of one run and the page of several: one file each, with everything in it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from gameday.monitor.samples import Sample
from gameday.report import cells
from gameday.report.charts import draw
from gameday.report.facts import Facts
from gameday.verdict.judge import percent
from gameday.verdict.observation import Observation
from gameday.verdict.phases import Timeline
from gameday.verdict.pooled import Pool
from gameday.verdict.verdict import Result, Verdict


def templates(*packages: str) -> Environment:
    """The templates of these packages; the first that has one of a name wins."""
    return Environment(
        loader=ChoiceLoader([PackageLoader(package) for package in packages]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


_templates = templates("gameday.report")


@dataclass(frozen=True, slots=True)
class Line:
    """One run in the page of several. `link`: its own page."""

    experiment: str
    title: str
    row: str
    result: Result
    findings: Sequence[str]
    link: str


def page(
    facts: Facts, verdict: Verdict, timeline: Timeline, seen: Sequence[Observation], samples: Sequence[Sample]
) -> str:
    """One run as HTML."""
    return _templates.get_template("run.html.j2").render(
        facts=asdict(facts),
        result=verdict.result.value,
        findings=[finding.text for finding in verdict.findings],
        remarks=cells.remarks(verdict, timeline),
        row_columns=cells.ROW_COLUMNS,
        rows=cells.row_cells(verdict.rows),
        affected_columns=cells.AFFECTED_COLUMNS,
        affected=cells.affected_cells(verdict.rows),
        audit=verdict.audit,
        plots=Markup(draw(seen, samples, timeline, verdict.rows)),
    )


def index(title: str, result: Result, lines: Sequence[Line], pools: Sequence[Pool], facts: Facts) -> str:
    """Several runs as HTML; `facts` are one of theirs, for what they share."""
    pooled = [
        (pool.matrix_row, pool.journey, pool.runs, f"{pool.requests:,}", percent(pool.share), percent(pool.bar),
         cells.decided(pool.decision))
        for pool in pools
    ]  # fmt: skip
    return _templates.get_template("index.html.j2").render(
        title=title, result=result.value, lines=lines, pooled=pooled, facts=asdict(facts)
    )
