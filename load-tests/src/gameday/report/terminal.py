"""The tables of a run on the terminal."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from gameday.report import cells
from gameday.report.files import Report
from gameday.verdict.judge import percent
from gameday.verdict.pooled import Cell, Pool
from gameday.verdict.verdict import Result

COLOURS = {Result.PASS: "green", Result.FAIL: "red", Result.INCONCLUSIVE: "yellow"}
_TEXT_COLUMNS = ("journey", "promise", "phase", "claim", "experiment", "row of the matrix")
_LEAST_WIDTH = 120
"""Where lines are cut at 80 columns no table of figures can be read: then they wrap."""


def terminal() -> Console:
    """Standard output, wide enough for the tables."""
    console = Console(soft_wrap=True)
    console.width = max(console.width, _LEAST_WIDTH)
    return console


def show(console: Console, report: Report) -> None:
    """All of one run; the result comes last, where it is read."""
    verdict = report.verdict
    lines = [[*line[:1], *line[2:]] for line in cells.row_cells(verdict.rows)]
    _table(console, report.facts.title, [name for name in cells.ROW_COLUMNS if name != "promise"], lines)
    if affected := cells.affected_cells(verdict.rows):
        _table(console, "Those who need the part", cells.AFFECTED_COLUMNS, affected)
    if verdict.audit:
        lines = [[one.claim, f"{one.looked_at:,}", f"{one.differences:,}"] for one in verdict.audit]
        _table(console, "Audit", ("claim", "looked at", "differences"), lines)
    for remark in cells.remarks(verdict, report.timeline):
        console.print(remark, markup=False)
    for finding in verdict.findings:
        console.print(f"  {finding.text}", style=COLOURS[verdict.result], markup=False)
    console.print(f"{verdict.result}  {report.facts.experiment}", style=f"bold {COLOURS[verdict.result]}")


def show_pools(console: Console, pools: Sequence[Pool]) -> None:
    """Journeys that did not need the part, over all runs of a row."""
    if not pools:
        return
    lines = [
        [
            pool.matrix_row, pool.journey, str(pool.runs), f"{pool.requests:,}", percent(pool.share), percent(pool.bar),
            cells.decided(pool.decision),
        ]
        for pool in pools
    ]  # fmt: skip
    columns = ("row of the matrix", "journey", "runs", "requests", "served", "bar", "")
    _table(console, "Pooled over the faults", columns, lines)


def show_cells(console: Console, of_rows: Sequence[Cell]) -> None:
    """How often each row of the matrix passed, if one was tried more than once."""
    if any(cell.runs > 1 for cell in of_rows):
        lines = [[cell.matrix_row, str(cell.runs), str(cell.passed), percent(cell.at_least)] for cell in of_rows]
        _table(console, "Runs that passed", ("row of the matrix", "runs", "passed", "at least"), lines)


def _table(console: Console, title: str, columns: Sequence[str], lines: Sequence[Sequence[str]]) -> None:
    table = Table(title=title, title_justify="left", title_style="bold", header_style="dim", box=None, pad_edge=False)
    for name in columns:
        table.add_column(name, justify="left" if name in _TEXT_COLUMNS else "right", no_wrap=name != "claim")
    for line in lines:
        table.add_row(*line)
    console.print(table)
