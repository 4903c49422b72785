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

    It has the environment of the stack without the variables `withheld`, and `env` on top. A server (`is_server`) ends
    after the services that use it. `prepare` runs before each start (it formats storage and writes configuration, may
    block, and may raise PreparationFailed); `ready` is asked while the process starts, and may block for two seconds.
    """

    name: str
    argv: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str] = field(default_factory=dict)
    withheld: frozenset[str] = frozenset()
    port: int | None = None
    account: Account | None = None
    niceness: int = 0
    is_server: bool = False
    stop_signal: signal.Signals = signal.SIGTERM
    prepare: Callable[[], None] = _nothing
    ready: Callable[[], bool] = _at_once


class PreparationFailed(Exception):
    """What must happen before a start did not; the message says what."""
