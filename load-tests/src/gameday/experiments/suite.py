"""Several runs together: pooled figures, one summary and index.html."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from gameday.report.files import Report
from gameday.report.page import Line, index
from gameday.report.terminal import COLOURS, show_cells, show_pools
from gameday.verdict.bars import Bars
from gameday.verdict.binomial import Shown
from gameday.verdict.pooled import Pool, cells, pooled
from gameday.verdict.verdict import Result

_TITLE = "Chaos experiments"


def summarise(
    console: Console, folder: Path, reports: Sequence[tuple[Path, Report]], wanted: int, bars: Bars
) -> Result:
    """Shows and writes what they showed together; `wanted` is how many runs there should have been."""
    pools = pooled(((report.facts.row, report.verdict.rows) for _, report in reports), bars)
    of_rows = cells((report.facts.row, report.verdict.result) for _, report in reports)
    result = together([report.verdict.result for _, report in reports], pools, wanted)
    show_pools(console, pools)
    show_cells(console, of_rows)
    for _, report in reports:
        verdict = report.verdict.result
        console.print(f"{verdict:<12}  {report.facts.experiment}", style=COLOURS[verdict])
    console.print(f"{result}  {len(reports)} of {wanted} runs", style=f"bold {COLOURS[result]}")
    lines = [_line(folder, at, report) for at, report in reports]
    (folder / "index.html").write_text(index(_TITLE, result, lines, pools, reports[0][1].facts))
    told = {"result": result, "runs": [asdict(line) for line in lines], "pools": [asdict(pool) for pool in pools]}
    told["rows"] = [{**asdict(cell), "at_least": cell.at_least} for cell in of_rows]
    (folder / "summary.json").write_text(json.dumps(told, indent=2) + "\n")
    console.print(f"report: {folder / 'index.html'}")
    return result


def together(results: Sequence[Result], pools: Sequence[Pool], wanted: int) -> Result:
    """A failure of any run or pool fails all; one that says nothing, is open or missing, leaves it open."""
    shown = [pool.decision.shown for pool in pools]
    if Result.FAIL in results or Shown.REFUTED in shown:
        return Result.FAIL
    if Result.INCONCLUSIVE in results or Shown.OPEN in shown or len(results) < wanted:
        return Result.INCONCLUSIVE
    return Result.PASS


def _line(folder: Path, at: Path, report: Report) -> Line:
    return Line(
        experiment=report.facts.experiment,
        title=report.facts.title,
        row=report.facts.row,
        result=report.verdict.result,
        findings=[finding.text for finding in report.verdict.findings],
        link=str((at / "report.html").relative_to(folder)),
    )
