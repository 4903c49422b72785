"""What the experiment showed: ab.json, report.html, and tables on the terminal."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup
from rich.console import Console
from rich.table import Table

from gameday.ab import charts, wording
from gameday.ab.curves import Shown
from gameday.ab.edge import Edge
from gameday.ab.judge import Judged, of_case
from gameday.report.page import templates
from gameday.report.terminal import COLOURS
from gameday.verdict.verdict import Finding, Result

_templates = templates("gameday.ab", "gameday.report")


@dataclass(frozen=True, slots=True)
class Experiment:
    """All that was found. `facts` are what a reader needs to run it again, by name."""

    result: Result
    findings: Sequence[Finding]
    runs: Sequence[Judged]
    capacity: float | None
    edge: Edge | None
    rate: float | None
    repeats: str
    facts: Mapping[str, str]

    def as_json(self) -> dict[str, Any]:
        """The shape of ab.json: these fields; a run's are its plan, its figures, its load and its audit."""
        return asdict(self)


def write(folder: Path, told: Experiment, shown: Sequence[Shown]) -> None:
    """Writes both files; `shown` are the runs in the order of `told.runs`."""
    (folder / "ab.json").write_text(json.dumps(told.as_json(), indent=2) + "\n")
    (folder / "report.html").write_text(page(told, shown))


def page(told: Experiment, shown: Sequence[Shown]) -> str:
    """The whole report as one file of HTML."""
    pairs = list(zip(told.runs, shown, strict=True))

    def of(name: str) -> Sequence[Shown]:
        return [run for judged, run in pairs if judged.planned.case.name == name]

    def of_group(group: str) -> str:
        cases = [pair for pair in pairs if pair[0].planned.case.group == group]
        return charts.multiples(cases, of("off"), of("on"))

    return _templates.get_template("ab.html.j2").render(
        told=told,
        result=told.result.value,
        claims=wording.claims(told.runs),
        columns=wording.COLUMNS,
        lines=[wording.cells(run) for run in told.runs],
        comparison=Markup(charts.comparison(of("off"), of("on"))),
        controls=Markup(of_group("control")),
        ablation=Markup(of_group("ablation")),
        audits=wording.audits(told.runs),
        repeated=max((len(of_case(told.runs, name)) for name in ("off", "on")), default=0),
    )


def show(console: Console, told: Experiment, folder: Path) -> None:
    """The table, and the result last, where it is read."""
    table = Table(title="Every run", title_justify="left", title_style="bold", header_style="dim", box=None)
    for name in wording.COLUMNS:
        table.add_column(name, justify="left" if name == "run" else "right", no_wrap=True)
    for run in told.runs:
        table.add_row(*wording.cells(run))
    console.print(table)
    for claim in wording.claims(told.runs):
        console.print(claim, markup=False, highlight=False)
    for finding in told.findings:
        console.print(f"  {finding.text}", style=COLOURS[told.result], markup=False)
    console.print(f"report: {folder / 'report.html'}")
    console.print(told.result.value, style=f"bold {COLOURS[told.result]}")
