"""The CPU time that a request costs in all processes of a shop together."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from holdfast_tools.compare_cpu.process_tree import usage

_IDLE_S = 3.0
_SETTLE_S = 0.03  # for what goes on after an answer


@dataclass(frozen=True, slots=True)
class CpuMeter:
    """root: the pid of the stack's supervisor. idle: cores that the shop uses while nothing is asked of it."""

    root: int
    idle: float

    @classmethod
    def of(cls, root: int) -> "CpuMeter":
        began, used = time.monotonic(), _used_s(root)
        time.sleep(_IDLE_S)
        return cls(root, (_used_s(root) - used) / (time.monotonic() - began))

    def ms_a_call(self, call: Callable[[], object], calls: int) -> float:
        """Milliseconds of one of so many calls in a row, without what the shop would have used idle.

        The kernel counts in ticks of 10 ms for each process, so that one call alone cannot be measured.
        """
        began, used = time.monotonic(), _used_s(self.root)
        for _ in range(calls):
            call()
        time.sleep(_SETTLE_S)
        spent = _used_s(self.root) - used - self.idle * (time.monotonic() - began)
        return 1_000 * spent / calls


def _used_s(root: int) -> float:
    return sum(usage(root).cpu_s.values())
