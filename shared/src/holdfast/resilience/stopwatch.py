"""Whether a call took long, told apart from this process's own loop having stood still meanwhile."""

import asyncio
from typing import Final, Self

from holdfast.resilience.outcome import Outcome

LATE_S: Final = 0.02
"""A timer that fires this much late shows a loop too busy to time others by; a healthy one's is late by 1 to 2 ms."""


STALL_S: Final = 0.1
"""A time limit that is kept this much late was kept by a loop that stood still: what ran out then says nothing."""


class Stopwatch:
    """`with Stopwatch(after_s) as watch: await call()`, then `watch.slow`: whether the block took over `after_s`.

    A timer decides at that moment. The loop handles what has arrived before it runs timers, so when it comes back from
    a stall the answer is taken first and the timer's own lateness tells that the time passed here, not there.
    `after_s` None: never slow, and no timer. For one block in an event loop.
    """

    __slots__ = ("_after_s", "_timer", "slow")

    def __init__(self, after_s: float | None) -> None:
        self._after_s = after_s
        self._timer: asyncio.TimerHandle | None = None
        self.slow = False

    def __enter__(self) -> Self:
        if self._after_s is not None:
            loop = asyncio.get_running_loop()
            at_s = loop.time() + self._after_s
            self._timer = loop.call_at(at_s, self._ring, loop, at_s)
        return self

    def __exit__(self, *_: object) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def judge(self, outcome: Outcome) -> Outcome:
        """A success that was slow is SLOW; everything else is what it was."""
        return Outcome.SLOW if self.slow and outcome is Outcome.SUCCESS else outcome

    def _ring(self, loop: asyncio.AbstractEventLoop, at_s: float) -> None:
        self.slow = loop.time() - at_s < LATE_S
