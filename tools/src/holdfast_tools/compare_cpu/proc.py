"""Reads /proc: which processes there are, what they are, and the CPU time that they used (proc_pid_stat(5))."""

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")
_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")
_MODULES: Final = {
    "gateway": "gateway",
    "command_service": "command",
    "command_service.entrypoints.relay": "relay",
    "command_service.entrypoints.settlement": "settlement",
    "command_service.entrypoints.migrations": "migrations",
    "query_service": "query",
    "projector_service": "projector",
    "payment_service": "payment",
}
KINDS: Final = (*_MODULES.values(), "postgres", "kafka", "elasticsearch", "supervisor", "other")
"""The kinds of processes of a stack, in the order of a report."""


@dataclass(frozen=True, slots=True)
class Process:
    """One process; `started` is its start time in ticks since boot, which with the pid identifies it.

    `cpu_s` is user and system time, that of its ended and awaited children included. A zombie still has its own.
    """

    pid: int
    parent: int
    started: int
    cpu_s: float


def pids() -> Iterator[int]:
    """Every process of this machine."""
    return map(int, filter(str.isdigit, os.listdir(_PROC)))


def processes() -> dict[int, Process]:
    """Every process of this machine by pid; those that end meanwhile are left out."""
    found = {}
    for pid in pids():
        with suppress(OSError):
            found[pid] = _parse_stat(pid, (_PROC / str(pid) / "stat").read_text())
    return found


def machine_cpu_s() -> float:
    """What all processes of this machine, and the kernel, have used since boot; stolen time is not in it."""
    user, nice, system, _idle, _iowait, irq, softirq = map(int, (_PROC / "stat").read_text().split()[1:8])
    return (user + nice + system + irq + softirq) / _TICKS_PER_S


def _parse_stat(pid: int, text: str) -> Process:
    fields = text.rpartition(")")[2].split()  # a command may contain blanks and parentheses
    utime_stime_cutime_cstime = map(int, fields[11:15])
    return Process(pid, int(fields[1]), int(fields[19]), sum(utime_stime_cutime_cstime) / _TICKS_PER_S)


def argv(pid: int) -> tuple[str, ...]:
    """The command line; empty for a process that has ended."""
    try:
        text = (_PROC / str(pid) / "cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return ()
    return tuple(text.rstrip("\0").split("\0"))


def kind_of(command: Sequence[str]) -> str:
    """One of KINDS by a command line, `other` when it is none of the shop's."""
    for option, module in pairwise(command):
        if option == "-m" and module in _MODULES:
            return _MODULES[module]
    if command and Path(command[0]).name == "postgres":
        return "postgres"
    if "kafka.Kafka" in command:
        return "kafka"
    if any(argument.startswith("org.elasticsearch.") for argument in command):
        return "elasticsearch"
    return "other"


def gateways() -> list[int]:
    """The pids of all gateways on this machine: where one runs, a shop does."""
    return [pid for pid in pids() if kind_of(argv(pid)) == "gateway"]


def mentions(pid: int, directory: Path) -> bool:
    """Whether the process works in `directory`, or has its path in its command line or environment."""
    home, needle = _PROC / str(pid), os.fsencode(directory)
    with suppress(OSError):
        if Path(os.readlink(home / "cwd")).is_relative_to(directory):
            return True
        return needle in (home / "cmdline").read_bytes() or needle in (home / "environ").read_bytes()
    return False
