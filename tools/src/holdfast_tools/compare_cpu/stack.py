"""A commit's shop: set up, started, loaded and ended by that commit's own commands."""

import json
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from holdfast_tools.compare_cpu import proc
from holdfast_tools.compare_cpu.commands import run
from holdfast_tools.compare_cpu.crowd import Gateway
from holdfast_tools.compare_cpu.errors import Refused, RoundFailed
from holdfast_tools.compare_cpu.revisions import worktree

_SETUP_S: Final = 900
_UP_S: Final = 300
_LOAD_S: Final = 300
_DOWN_S: Final = 120
_GONE_WITHIN_S: Final = 20


@dataclass(frozen=True, slots=True)
class Running:
    """A running stack: the pid of its supervisor, and its gateways."""

    supervisor: int
    gateways: tuple[Gateway, ...]


@dataclass(slots=True)
class Stack:
    """A commit's shop below one directory. Its data stay from one start to the next."""

    label: str
    commit: str
    home: Path

    @property
    def tree(self) -> Path:
        return self.home / "tree"

    @property
    def state(self) -> Path:
        return self.home / "state"

    @contextmanager
    def installed(self) -> Iterator[None]:
        """The commit in a worktree with its locked dependencies, the catalogue in its stores, removed at the end.

        Loaded here, so that every round begins alike. Raises Refused, and RoundFailed when the stack does not start.
        """
        self.home.mkdir()
        with worktree(self.commit, self.tree):
            run(["make", "setup"], self.tree, _SETUP_S)
            with self.running():
                self._holdfast("run", "holdfast-catalogue", timeout_s=_LOAD_S)
            yield

    @contextmanager
    def running(self) -> Iterator[Running]:
        """Started, ended at the end. Raises RoundFailed when it does not start."""
        try:
            self._holdfast("up", "--detach", timeout_s=_UP_S)
            record = json.loads((self.state / "state.json").read_text())
            urls = [urlsplit(url) for url in record["settings"]["GATEWAY_URLS"].split(",")]
            yield Running(record["pid"], tuple((url.hostname or "", url.port or 80) for url in urls))
        finally:
            with suppress(RoundFailed):  # it does not run
                self._holdfast("down", timeout_s=_DOWN_S)
            end_processes(self.home)

    def _holdfast(self, *arguments: str, timeout_s: float) -> None:
        env = {"HOLDFAST_STATE": str(self.state)}
        try:
            run([self.tree / ".venv" / "bin" / "holdfast", *arguments], self.tree, timeout_s, env)
        except Refused as error:
            raise RoundFailed(f"{self.label}: {error}") from error


@contextmanager
def temporary_directory() -> Iterator[Path]:
    """A new directory that the servers' user can enter, removed at the end with every process that uses it."""
    path = Path(tempfile.mkdtemp(prefix="holdfast-compare-", dir="/var/tmp"))
    path.chmod(0o755)
    try:
        yield path
    finally:
        end_processes(path)
        shutil.rmtree(path, ignore_errors=True)


def end_processes(directory: Path) -> None:
    """Kills every process that works in the directory or has its path in its command line or environment."""
    deadline = time.monotonic() + _GONE_WITHIN_S
    while time.monotonic() < deadline:
        left = [pid for pid in proc.pids() if pid != os.getpid() and proc.mentions(pid, directory)]
        if not left:
            return
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)
