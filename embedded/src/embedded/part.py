"""One process under supervision: started, watched, faulted, ended."""

import asyncio
import os
import shutil
import subprocess
import threading
import time
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import psutil

from embedded import trees
from embedded.program import PreparationFailed, Program

LOG_LIMIT_BYTES = 64 << 20
"""A log that has grown beyond this becomes NAME.log.1 and starts again."""

SPAWNING = threading.Lock()
"""Held while a process is born and not yet known as a part, so that it is not taken for a stray."""

_STEADY_AFTER_S = 10.0
_FIRST_DELAY_S = 0.1
_LONGEST_DELAY_S = 0.8


class State(StrEnum):
    """What a part is doing, as `status` names it."""

    STARTING = "starting"
    UP = "up"
    PAUSED = "paused"
    SLOW = "slow"
    RESTARTING = "restarting"
    DOWN = "down"


class Refused(Exception):
    """The part is not in a state for what was asked; the message says which."""


@dataclass(frozen=True, slots=True)
class PartStatus:
    """One row of `status`; `since` is in seconds of the Unix epoch, `error` why it could not be started.

    `fault_left_s` are the seconds after which its fault ends by itself, None when there is none or it has no end.
    """

    name: str
    state: State
    pid: int | None
    since: float
    port: int | None
    memory_bytes: int
    restarts: int
    error: str
    fault_left_s: float | None


class Part:
    """A program, its process if there is one, whether it is meant to run, and the fault it suffers if any.

    Whoever calls `start`, `kill`, `pause` or `resume`, which block, does so on a thread and holds `turn`.
    """

    def __init__(self, program: Program, log: Path) -> None:
        self.program = program
        self.log = log
        self.turn = asyncio.Lock()
        self.state = State.DOWN
        self.since = time.time()
        self.wanted = True
        self.restarts = 0
        self.error = ""
        self.stopped_share = 0.0
        self.fault_ends_at: float | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0
        self._quick_deaths = 0
        self._restart_at = 0.0
        self._has_been_up = False

    @property
    def name(self) -> str:
        """The program's name."""
        return self.program.name

    @property
    def pid(self) -> int | None:
        """The number of its process, as long as its end has not been seen."""
        return None if self._process is None else self._process.pid

    @property
    def due(self) -> bool:
        """Whether it should be started now."""
        return self.wanted and self._process is None and time.monotonic() >= self._restart_at

    @property
    def fault_ended(self) -> bool:
        """Whether it suffers a fault whose time is over."""
        return self.fault_ends_at is not None and time.monotonic() >= self.fault_ends_at

    def enter(self, state: State, fault_for_s: float | None = None) -> None:
        """Changes the state, notes the time, and forgets an earlier fault's end."""
        self.state, self.since = state, time.time()
        self.fault_ends_at = None if fault_for_s is None else time.monotonic() + fault_for_s

    def start(self) -> None:
        """Prepares and starts the process; why it could not is kept in `error`, and it is due again soon."""
        self.enter(State.STARTING)
        self._started_at = time.monotonic()
        try:
            self.program.prepare()
            self.error = ""
            if self.wanted:
                self._spawn()
        except (PreparationFailed, OSError, subprocess.SubprocessError) as error:
            self.error = str(error)
            self._write(f"{self.name} cannot be started: {error}")
            self._restart_later()

    def _spawn(self) -> None:
        program, account = self.program, self.program.account
        self._write(f"starting {program.name}")
        program.cwd.mkdir(parents=True, exist_ok=True)
        again = program.niceness and self._has_been_up
        prefix = ("nice", "-n", str(program.niceness)) if again else ()
        with self.log.open("ab") as log, SPAWNING:
            self._process = subprocess.Popen(
                (*prefix, *program.argv),
                cwd=program.cwd,
                env={name: value for name, value in os.environ.items() if name not in program.withheld}
                | {**program.env},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                user=None if account is None else account.uid,
                group=None if account is None else account.gid,
                extra_groups=None if account is None else [],
            )

    def _write(self, text: str) -> None:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("a") as log:
            log.write(f"--- {time.strftime('%Y-%m-%dT%H:%M:%S')} {text}\n")

    def see_death(self) -> bool:
        """Whether the process has ended by itself since the last call; it is due again within a second."""
        if self._process is None or self._process.poll() is None:
            return False
        self._write(f"{self.name} ended with {self._process.returncode}")
        self._process = None
        self._restart_later()
        return True

    def _restart_later(self) -> None:
        """At once for one that had run well; one that keeps dying waits longer, but within a second of its end."""
        self.enter(State.RESTARTING)
        self.restarts += 1
        steady = time.monotonic() - self._started_at > _STEADY_AFTER_S
        self._quick_deaths = 0 if steady else self._quick_deaths + 1
        delay = 0.0 if steady else min(_FIRST_DELAY_S * 2 ** (self._quick_deaths - 1), _LONGEST_DELAY_S)
        self._restart_at = time.monotonic() + delay

    def yield_processor(self) -> None:
        """Gives the tree its lower priority, now that it is up: from here on its starts compete with a shop at work."""
        self._has_been_up = True
        if self.program.niceness:
            trees.set_niceness(self.tree(), self.program.niceness)

    def tree(self) -> list[psutil.Process]:
        """Its process and all below it."""
        try:
            return [] if self.pid is None else trees.tree(psutil.Process(self.pid))
        except psutil.NoSuchProcess:
            return []

    def kill(self, for_s: float | None = None) -> None:
        """Ends the whole tree with SIGKILL; it stays down until it is wanted again."""
        self.wanted = False
        trees.kill(self.tree)
        if self._process is not None:
            self._write(f"{self.name} ended with {self._process.wait()}")
            self._process = None
        self.enter(State.DOWN, for_s)

    def want(self) -> None:
        """Makes a part that is down due."""
        self.wanted, self._restart_at, self._quick_deaths = True, 0.0, 0

    def pause(self, for_s: float | None = None) -> None:
        """Stops the whole tree."""
        trees.stop(self.tree)
        self.enter(State.PAUSED, for_s)

    def resume(self) -> None:
        """Lets the whole tree go on; it is up once it says so."""
        trees.resume(self.tree())
        self.enter(State.STARTING)

    def end_kindly(self) -> None:
        """Asks the process to end; returns at once."""
        self.wanted = False
        if self._process is not None and self._process.poll() is None:
            trees.resume(self.tree())
            self._process.send_signal(self.program.stop_signal)

    def ended(self) -> bool:
        """Whether there is no process any more."""
        return self._process is None or self._process.poll() is not None

    def rotate_log(self) -> None:
        """Keeps the log bounded; the process goes on writing to the same file, which is emptied."""
        if self.log.exists() and self.log.stat().st_size > LOG_LIMIT_BYTES:
            shutil.copyfile(self.log, self.log.with_name(f"{self.log.name}.1"))
            os.truncate(self.log, 0)

    def status(self) -> PartStatus:
        """Its row; reads the memory of its whole tree."""
        memory = trees.memory_bytes(self.tree())
        port, ends_at = self.program.port, self.fault_ends_at
        left_s = None if ends_at is None else max(0.0, ends_at - time.monotonic())
        return PartStatus(self.name, self.state, self.pid, self.since, port, memory, self.restarts, self.error, left_s)
