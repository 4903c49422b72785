"""Ends one fault on a container at its time, in a process of its own: whatever happens to the tool, it is lifted.

`python -m gameday.nemesis.expiry PROJECT DIRECTORY PART TOKEN` returns as soon as the keeper is on its way. It ends
early when the fault was lifted or another one took its place, which it sees in the record.
"""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from gameday.nemesis.engine import Project, docker
from gameday.nemesis.fault import Kind, Refused
from gameday.nemesis.record import Entry, Record

SLOW_PERIOD_S: Final = 0.25
"""A slow container stands still for a share of each period. Local processes have 0.1 s, but to pause a container takes
30 ms. A quota of processor time instead would slow only what computes much: a service that needs 5 ms a call, ten times
a second, does not notice that it has a fifth of a processor left."""

_LOOK_EVERY_S: Final = 0.2
_AGAIN_AFTER_S: Final = 1.0
_TRIES: Final = 60


def start(project: Project, record: Record, part: str, entry: Entry) -> None:
    """Starts the keeper of a fault that is on record; returns once it runs by itself. Raises Refused."""
    command = [sys.executable, "-m", "gameday.nemesis.expiry", project.name, str(record.directory), part, entry.token]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=30)
    except subprocess.TimeoutExpired as error:
        raise Refused(f"{part} is left alone: nobody would be there in time to end its fault") from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines() or [str(done.returncode)]
        raise Refused(f"{part} is left alone: nobody would end its fault: {said[-1]}")


class Keeper:
    """Watches over one fault of one part."""

    def __init__(self, project: Project, record: Record, part: str, token: str) -> None:
        self._project, self._record, self._part, self._token = project, record, part, token

    def keep(self) -> None:
        """Returns when the fault has been ended, by this keeper or by others."""
        while (entry := self._current()) is not None and entry.left_s > 0:
            if entry.kind is Kind.SLOW:
                self._one_slow_period(entry)
            else:
                time.sleep(min(_LOOK_EVERY_S, entry.left_s))
        for _ in range(_TRIES):
            try:
                self._if_current(self._end)
            except Refused:  # the engine is away: it may come back, and `calm` heals what is left
                time.sleep(_AGAIN_AFTER_S)
            else:
                return

    def _one_slow_period(self, entry: Entry) -> None:
        """By the clock, so that what the commands take does not add up; missed when the engine refuses."""
        began = time.monotonic()
        for do, until_s in (("pause", entry.stopped_share * SLOW_PERIOD_S), ("unpause", SLOW_PERIOD_S)):
            with contextlib.suppress(Refused):
                self._if_current(partial(docker, do, entry.container))
            time.sleep(max(0.0, began + until_s - time.monotonic()))

    def _current(self) -> Entry | None:
        entry = self._record.read(self._part)
        return entry if entry is not None and entry.token == self._token else None

    def _if_current(self, act: Callable[[], object]) -> None:
        with self._record.held(self._part):
            if self._current() is not None:
                act()

    def _end(self) -> None:
        self._project.heal(self._part)
        self._record.forget(self._part)


def main() -> None:
    project, directory, part, token = sys.argv[1:]
    keeper = Keeper(Project(project), Record(Path(directory)), part, token)
    if os.fork():
        os._exit(0)
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    keeper.keep()


if __name__ == "__main__":
    main()
