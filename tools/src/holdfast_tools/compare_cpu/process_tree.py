"""The CPU time of one process tree by kind of process, that of ended processes included and counted once."""

from collections.abc import Mapping
from dataclasses import dataclass

from holdfast_tools.compare_cpu import proc
from holdfast_tools.compare_cpu.errors import RoundFailed
from holdfast_tools.compare_cpu.proc import Process

_TRIES = 50


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU seconds by kind since the tree began, and its parts: kind by (pid, start time) of each child of the root."""

    cpu_s: Mapping[str, float]
    parts: Mapping[tuple[int, int], str]


def usage(root: int) -> Usage:
    """What the tree below and with `root` has used. Raises RoundFailed when it has ended or does not come to rest.

    The time of a process that ends moves to its parent when that awaits it. A reading during which a process began or
    ended could count it twice or not at all, so that only a reading counts that lists the same processes as the one
    before.
    """
    before: dict[int, Process] = {}
    for _ in range(_TRIES):
        now = _tree(root)
        if _identities(now) == _identities(before):
            return _by_kind(root, now)
        before = now
    raise RoundFailed(f"the processes below {root} began and ended too fast to be counted")


def _tree(root: int) -> dict[int, Process]:
    """The processes of the tree by pid. Raises RoundFailed when the root has ended."""
    every = proc.processes()
    if root not in every:
        raise RoundFailed(f"the stack ended: its supervisor {root} is gone")
    children: dict[int, list[Process]] = {}
    for process in every.values():
        children.setdefault(process.parent, []).append(process)
    found, ahead = {}, [every[root]]
    while ahead:
        process = ahead.pop()
        found[process.pid] = process
        ahead += children.get(process.pid, [])
    return found


def _identities(tree: Mapping[int, Process]) -> set[tuple[int, int]]:
    return {(process.pid, process.started) for process in tree.values()}


def _by_kind(root: int, tree: Mapping[int, Process]) -> Usage:
    """A child of the root gives its kind to all below it."""
    kinds = {pid: proc.kind_of(proc.argv(pid)) for pid, process in tree.items() if process.parent == root}
    used = dict.fromkeys((*kinds.values(), "supervisor"), 0.0)
    for process in tree.values():
        pid = process.pid
        while pid != root and pid not in kinds:
            pid = tree[pid].parent
        used["supervisor" if pid == root else kinds[pid]] += process.cpu_s
    parts = {(pid, tree[pid].started): kind for pid, kind in kinds.items() if kind != "other"}
    return Usage(used, parts)
