"""`holdfast-check`: what a run's history says about the shop, without asking the shop."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from gameday.checker import carts, intents, sessions
from gameday.checker.check import Check, Result
from gameday.checker.history import History, HistoryInvalid, read_history

CHECKS: Final[Sequence[Check]] = (
    intents.one_effect,
    intents.one_intent,
    intents.one_key,
    sessions.read_your_writes,
    sessions.monotonic_reads,
    sessions.writes_follow_reads,
    sessions.age_is_true,
    carts.linearizable,
)
_SHOWN: Final = 5


def check(history: History) -> Sequence[Result]:
    return [each(history) for each in CHECKS]


def main(arguments: Sequence[str] | None = None) -> int:
    """0 if nothing was found, 1 if something was, 2 if the history cannot be read."""
    parser = argparse.ArgumentParser(prog="holdfast-check", description="Check the history of a run of load.")
    parser.add_argument("folder", type=Path, metavar="DIR", help="a run's folder, which holds history.jsonl")
    folder = parser.parse_args(arguments).folder
    try:
        history = read_history(folder / "history.jsonl")
    except HistoryInvalid as error:
        print(f"holdfast-check: {error}", file=sys.stderr)
        return 2
    results = check(history)
    console = Console(width=None if sys.stdout.isatty() else 120, highlight=False)
    console.print(report(history, results))
    for result in results:
        for finding in result.findings[:_SHOWN]:
            console.print(f"{result.claim}: {finding}")
    return 1 if any(result.findings for result in results) else 0


def report(history: History, results: Sequence[Result]) -> Table:
    """One line a check."""
    table = Table(title=f"{len(history.operations):,} operations of run {history.run}", title_justify="left")
    for name in ("claim", "looked at", "undecided", "contradicted"):
        table.add_column(name, justify="left" if name == "claim" else "right")
    for result in results:
        table.add_row(result.claim, f"{result.looked_at:,}", f"{result.undecided:,}", f"{len(result.findings):,}")
    return table


if __name__ == "__main__":
    sys.exit(main())
