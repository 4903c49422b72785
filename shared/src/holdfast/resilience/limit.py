"""A time limit around a block: ends it when its time is over, and tells whether it was slow.

Told apart, too, is this process's own loop having stood still meanwhile. The loop handles what has arrived before it
runs timers, so when it comes back from a stall the answer is taken first, and the timer's own lateness tells that the
time passed here, not there.
"""

import asyncio
import math
import threading
import time
from types import TracebackType
from typing import Final, Self

from holdfast.resilience.errors import DeadlineExceeded
from holdfast.resilience.outcome import SLOW, SUCCESS, Outcome

LATE_S: Final = 0.02
"""A timer that fires this much late shows a loop too busy to time others by; a healthy one's is late by 1 to 2 ms."""

STALL_S: Final = 0.1
"""A time limit that is kept this much late was kept by a loop that stood still: what ran out then says nothing."""

_TICK_S = 0.001  # event loops round timers to it, up or down


class Limit:
    """`with Limit(seconds, dependency, slow_after_s=...) as limit: await call()`, on an event loop.

    After `seconds` (None: never) the block is cancelled, and DeadlineExceeded(dependency) comes out of it; with nothing
    left it is not entered. Cancellation from outside passes through, and a TimeoutError of the block's own stays one.
    `slow` tells afterwards whether it took over `slow_after_s` (None: never), `lost` whether `lose` ended it. While the
    block runs the limit is also among `watches`, for whoever learns that what it waits for is lost.
    """

    __slots__ = (
        "_at_s",
        "_cancelling",
        "_dependency",
        "_limits",
        "_task",
        "_watches",
        "due_s",
        "ended",
        "lost",
        "slow",
    )

    def __init__(
        self,
        seconds: float | None,
        dependency: str | None,
        *,
        slow_after_s: float | None = None,
        watches: "set[Limit] | None" = None,
    ) -> None:
        if seconds is not None and seconds <= 0:
            raise DeadlineExceeded(dependency)
        now_s = time.monotonic()
        self._at_s = at_s = math.inf if seconds is None else now_s + seconds
        if slow_after_s is not None and now_s + slow_after_s < at_s:
            at_s = now_s + slow_after_s
        self.due_s = at_s
        self._dependency = dependency
        self._watches = watches
        self.ended = False
        self.lost = False
        self.slow = False

    def __enter__(self) -> Self:
        loop = asyncio.get_running_loop()
        limits = _here.limits
        if limits is None or limits.loop is not loop:
            limits = _here.limits = Limits(loop)
        task = asyncio.current_task(loop)
        assert task is not None
        self._task = task
        self._cancelling = task.cancelling()
        self._limits = limits
        limits.in_force.add(self)
        if self.due_s < limits.rings_s:
            limits.ring_at(self.due_s)
        if self._watches is not None:
            self._watches.add(self)
        return self

    def __exit__(self, type_: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._limits.in_force.discard(self)
        if self._watches is not None:
            self._watches.discard(self)
        if not self.ended:
            return
        ours = self._task.uncancel() <= self._cancelling
        if (ours and type_ is asyncio.CancelledError) or isinstance(error, TimeoutError):
            raise DeadlineExceeded(self._dependency) from error

    @property
    def overdue_s(self) -> float:
        """Seconds since its time was over, 0.0 before."""
        return max(0.0, time.monotonic() - self._at_s)

    def lose(self) -> None:
        """End the block now, unless its time is over: what it waits for is known to be lost."""
        if not self.ended:
            self.lost = True
            self._end()

    def judge(self, outcome: Outcome) -> Outcome:
        """A success that was slow is SLOW; everything else is what it was."""
        return SLOW if self.slow and outcome is SUCCESS else outcome

    def ring(self, now_s: float) -> None:
        """It is due: slow from now on, or over."""
        if now_s + _TICK_S >= self._at_s:
            self._end()
        else:
            self.slow = now_s - self.due_s < LATE_S
            self.due_s = self._at_s

    def _end(self) -> None:
        self.due_s = math.inf
        self.ended = True
        self._task.cancel()


class Limits:
    """Those in force on one event loop, behind one timer, set for whichever is due first.

    Nearly all are lifted long before they are due: a timer for each would be made and cancelled for nothing.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.in_force: set[Limit] = set()
        self.rings_s = math.inf
        self._timer: asyncio.TimerHandle | None = None

    def ring_at(self, due_s: float) -> None:
        """Set the timer; one that is set already rings later, and is dropped."""
        if self._timer is not None:
            self._timer.cancel()
        self.rings_s = due_s
        self._timer = self.loop.call_later(max(0.0, due_s - time.monotonic()), self._ring)

    def _ring(self) -> None:
        self._timer, self.rings_s = None, math.inf
        now_s = time.monotonic()
        for limit in self.in_force:
            if limit.due_s <= now_s + _TICK_S:
                limit.ring(now_s)
        first_s = min((limit.due_s for limit in self.in_force), default=math.inf)
        if first_s < math.inf:
            self.ring_at(first_s)


class _Here(threading.local):
    """Each thread runs one loop at a time."""

    limits: Limits | None = None


_here = _Here()
