"""One process of the stack as it is started: what the supervisor needs to know of it and nothing else."""

import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from embedded.places import Account


def _nothing() -> None:
    return None


def _at_once() -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Program:
    """How to start one process, how to end it kindly, and how to see that it serves.

    `prepare` runs before each start (formats storage, writes configuration; it may block and raise PreparationFailed),
    `ready` is asked while the process lives and may block for a second at most.
    """

    name: str
    argv: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str] = field(default_factory=dict)
    port: int | None = None
    account: Account | None = None
    niceness: int = 0
    stop_signal: signal.Signals = signal.SIGTERM
    prepare: Callable[[], None] = _nothing
    ready: Callable[[], bool] = _at_once


class PreparationFailed(Exception):
    """What must happen before a start did not; the message says what."""
