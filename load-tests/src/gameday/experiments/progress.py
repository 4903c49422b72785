"""What goes on, on the terminal: one line that changes, or a line for each phase where lines cannot change."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.status import Status


class Progress:
    """A context manager; what is printed to the console meanwhile appears above the line."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status = Status("", console=console) if console.is_terminal else None
        self._title = ""
        self._last = ""

    def __enter__(self) -> Self:
        if self._status is not None:
            self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._status is not None:
            self._status.stop()

    def begins(self, title: str) -> None:
        self._title, self._last = title, ""
        self._console.print(title, style="bold")

    def told(self, what: str, since_s: float, how_far: str) -> None:
        """See run.Told."""
        if self._status is not None:
            since = f" {since_s:.0f} s" if since_s else ""
            self._status.update(f"{what}{since}  [dim]{how_far}[/]")
        if what != self._last:
            self._last = what
            self._console.print(f"  {time.strftime('%H:%M:%S')}  {what}")
