"""The bar that shows a download."""

import sys
from collections.abc import Callable


def bar(total_bytes: int) -> Callable[[int], None]:
    """Shows a bar on stderr from now until all bytes have come; without a terminal a line at each tenth."""
    if not sys.stderr.isatty():
        return _lines(total_bytes)
    # Only here: rich takes a while to import, and mostly there is nothing to fetch.
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (TextColumn("fetching the servers"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    shown = Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True))
    task = shown.add_task("fetch", total=total_bytes)
    shown.start()

    def advance(size: int) -> None:
        shown.advance(task, size)
        if shown.finished:
            shown.stop()

    return advance


def _lines(total_bytes: int) -> Callable[[int], None]:
    done = told = 0

    def advance(size: int) -> None:
        nonlocal done, told
        done += size
        tenth = done * 10 // total_bytes
        if tenth > told:
            told = tenth
            print(f"fetching the servers: {done >> 20} of {total_bytes >> 20} MiB", file=sys.stderr, flush=True)

    return advance
