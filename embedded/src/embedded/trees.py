"""Faults act on whole trees of processes (CORRECTNESS 29), whatever sessions and groups these have made for themselves.

psutil knows a process by its number and start time, so that a signal never reaches another one that got the number.
"""

import contextlib
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import psutil

MARK = "HOLDFAST_STACK"
"""The environment variable, holding the state directory, by which a stack's processes are known."""

_GONE_WITHIN_S = 20.0
_POLL_S = 0.01

Find = Callable[[], Iterable[psutil.Process]]
"""Lists the processes meant, as they are now; asked again until it finds no new one."""


class StillAlive(Exception):
    """Processes did not end although they were killed; the message names them."""


def tree(root: psutil.Process) -> list[psutil.Process]:
    """The process and all its descendants that are alive; empty when it has ended."""
    try:
        return [process for process in (root, *root.children(recursive=True)) if alive(process)]
    except psutil.NoSuchProcess:
        return []


def alive(process: psutil.Process) -> bool:
    """Whether it still runs; one that has ended and waits for its parent (a zombie) does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def stop(find: Find) -> list[psutil.Process]:
    """Stops (SIGSTOP) all that `find` lists, until it lists no new one: what is stopped can start nothing more."""
    stopped: set[psutil.Process] = set()
    while new := set(find()) - stopped:
        for process in new:
            _signal(process.suspend)
        stopped |= new
    return list(stopped)


def resume(processes: Iterable[psutil.Process]) -> None:
    """Lets stopped processes go on."""
    for process in processes:
        _signal(process.resume)


def kill(find: Find) -> list[psutil.Process]:
    """Kills all that `find` lists and returns them when they are gone; raises StillAlive after 20 s."""
    processes = stop(find)
    for process in processes:
        _signal(process.kill)
    deadline = time.monotonic() + _GONE_WITHIN_S
    while left := [process for process in processes if alive(process)]:
        if time.monotonic() > deadline:
            raise StillAlive(f"still alive after SIGKILL: {', '.join(map(str, left))}")
        time.sleep(_POLL_S)
    return processes


def marked(mark: str, servers: Path) -> list[psutil.Process]:
    """Every process of the stack, whoever its parent is by now, other than this one.

    Known by the mark in its environment; PostgreSQL's processes write their titles over theirs and are known by
    working in the stack's data directory.
    """
    return [process for process in psutil.process_iter() if _belongs(process, mark, servers)]


def _belongs(process: psutil.Process, mark: str, servers: Path) -> bool:
    if process.pid == os.getpid() or not alive(process):
        return False
    try:
        if process.environ().get(MARK) == mark:
            return True
        return process.name() == "postgres" and Path(process.cwd()).is_relative_to(servers)
    except (psutil.Error, OSError):
        return False


def strays(roots: Iterable[int]) -> list[psutil.Process]:
    """Children of this process, dead or alive, that another process left to it by ending, and all below them.

    `roots` are the numbers of the children it started as parts of the stack. What it starts itself for a moment
    stays in its own session and is told apart by that.
    """
    known, session = set(roots), os.getsid(0)
    found: list[psutil.Process] = []
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
            if child.pid not in known and os.getsid(child.pid) != session:
                found += (child, *child.children(recursive=True))
    return found


def reap(processes: Iterable[psutil.Process]) -> None:
    """Takes the exit status of those among them that are this process's children and have ended."""
    for process in processes:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(process.pid, os.WNOHANG)


def set_niceness(processes: Iterable[psutil.Process], niceness: int) -> None:
    """Lowers the priority of every thread; on Linux each has its own, and new ones take their maker's."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            for thread in process.threads():
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.setpriority(os.PRIO_PROCESS, thread.id, niceness)


def memory_bytes(processes: Iterable[psutil.Process]) -> int:
    """What they hold together; memory that processes share is counted once (PSS) where the system tells it."""
    return sum(map(_memory_bytes, processes))


def _memory_bytes(process: psutil.Process) -> int:
    try:
        full = process.memory_full_info()
        return int(getattr(full, "pss", full.rss))
    except psutil.AccessDenied:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0


def _signal(send: Callable[[], object]) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        send()
