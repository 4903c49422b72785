"""Time as the protections see it: monotonic seconds, real ones or a test's."""

import time
from typing import Protocol


class Clock(Protocol):
    """Monotonic time. Two clocks' readings cannot be compared."""

    def now(self) -> float:
        """Seconds since an arbitrary start; never goes back."""
        ...


class MonotonicClock:
    """The machine's own monotonic clock."""

    __slots__ = ()

    now = staticmethod(time.monotonic)  # itself, not a call around it: every call asks some ten times


class FakeClock:
    """A clock that stands still until told; for tests of windows, open times and leases.

    `asyncio` timers do not follow it: `Deadline.limit` reads how much is left from this clock once and waits that
    long in real time.
    """

    __slots__ = ("_now_s",)

    def __init__(self, now_s: float = 1_000.0) -> None:
        self._now_s = now_s

    def now(self) -> float:
        return self._now_s

    def advance(self, seconds: float) -> None:
        """Move time on by `seconds` (not negative)."""
        if seconds < 0:
            raise ValueError(f"a monotonic clock cannot go back by {-seconds} s")
        self._now_s += seconds


SYSTEM_CLOCK = MonotonicClock()
