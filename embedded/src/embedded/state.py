"""The state directory of one stack: who supervises it, and what it wrote down for the commands and the next start."""

import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO

from embedded import places


class AlreadyRuns(Exception):
    """Another supervisor holds this state directory; the message says which and how to end it."""


@dataclass(frozen=True, slots=True)
class Record:
    """What a running stack tells: its supervisor, each port by name, and its addresses as settings of the services."""

    pid: int
    started_at: float
    ports: Mapping[str, int]
    settings: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class StateDirectory:
    """Paths below one directory, the lock on it, and the record in it."""

    path: Path

    @property
    def logs(self) -> Path:
        """One NAME.log a process, and supervisor.log of a stack in the background."""
        return self.path / "logs"

    @property
    def run(self) -> Path:
        """The services' working directories."""
        return self.path / "run"

    @property
    def acknowledgements(self) -> Path:
        """What a replay wrote down of this stack's answers, for the audit."""
        return self.path / "acks.jsonl"

    @property
    def servers(self) -> Path:
        """Configuration and data of the servers."""
        return places.servers_dir(self.path)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Holds the directory for one supervisor until that one ends, however it does. Raises AlreadyRuns."""
        places.make_directory(self.path)
        places.make_directory(self.logs)
        with (self.path / "lock").open("a") as lock:
            if not any(_lock(lock, fcntl.LOCK_EX) for _ in range(_TRIES)):
                record = self.read()
                who = "" if record is None else f" (pid {record.pid})"
                raise AlreadyRuns(f"a stack runs already in {self.path}{who}; `holdfast down` ends it")
            yield

    def is_held(self) -> bool:
        """Whether a supervisor holds the directory now."""
        if not (self.path / "lock").exists():
            return False
        with (self.path / "lock").open("a") as lock:
            return not _lock(lock, fcntl.LOCK_SH)

    def write(self, ports: Mapping[str, int], settings: Mapping[str, str]) -> None:
        """Writes the record of the stack that this process supervises."""
        record = Record(os.getpid(), time.time(), ports, settings)
        partial = self._record.with_suffix(".part")
        partial.write_text(json.dumps(asdict(record), indent=2) + "\n")
        partial.replace(self._record)

    def read(self) -> Record | None:
        """The record of the stack that runs here or ran here last; None before the first."""
        try:
            return Record(**json.loads(self._record.read_text()))
        except FileNotFoundError:
            return None

    def forget(self) -> None:
        """Deletes what was written down of the stack."""
        self._record.unlink(missing_ok=True)
        self.acknowledgements.unlink(missing_ok=True)

    @property
    def _record(self) -> Path:
        return self.path / "state.json"

    def listen(self) -> socket.socket:
        """The supervisor's end of the commands; only its user may connect."""
        (self.path / "control").unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with self._short_path() as path:
            listener.bind(path)
        (self.path / "control").chmod(0o600)
        return listener

    def connect(self, timeout_s: float) -> socket.socket:
        """The commands' end; raises ConnectionRefusedError or FileNotFoundError when nobody listens."""
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(timeout_s)
        try:
            with self._short_path() as path:
                connection.connect(path)
        except BaseException:
            connection.close()
            raise
        return connection

    @contextmanager
    def _short_path(self) -> Iterator[str]:
        """The socket's path by way of an open directory: a socket's address holds 107 bytes and no more."""
        directory = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            yield f"/proc/self/fd/{directory}/control"
        finally:
            os.close(directory)


_TRIES = 3


def _lock(file: TextIO, kind: int) -> bool:
    """Tries for the lock; another one's `is_held` may have it for an instant, so the caller tries again."""
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        time.sleep(0.05)
        return False
    return True
