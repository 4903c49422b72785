"""What the last seconds' calls came to, in buckets, and how long the last calls took."""

import math
from collections import deque

from holdfast.resilience.clock import Clock
from holdfast.resilience.outcome import Outcome


class RollingCount:
    """A count over the last `seconds`, kept in `buckets` equal parts (Hystrix's rolling number).

    A bucket is forgotten whole, so what is counted reaches back between seconds - seconds/buckets and seconds.
    """

    __slots__ = ("_buckets", "_clock", "_kept", "_newest", "_width_s")

    def __init__(self, seconds: float, buckets: int, clock: Clock) -> None:
        self._width_s = seconds / buckets
        self._kept = buckets
        self._clock = clock
        self.clear()

    def clear(self) -> None:
        self._newest: list[float] = [-self._kept, 0]  # number of the bucket, count: one that is forgotten already
        self._buckets = deque([self._newest], maxlen=self._kept)  # oldest first

    def add(self) -> None:
        number = self._clock.now() // self._width_s
        if number != self._newest[0]:
            self._newest = [number, 0]
            self._buckets.append(self._newest)
        self._newest[1] += 1

    @property
    def total(self) -> int:
        oldest = self._clock.now() // self._width_s - self._kept
        return int(sum(count for number, count in self._buckets if number > oldest))


class OutcomeWindow:
    """Calls of the last seconds, and how many of them failed or were slow. Neutral ones are not to be recorded."""

    __slots__ = ("_calls", "_failures", "_slow")

    def __init__(self, seconds: float, buckets: int, clock: Clock) -> None:
        self._calls = RollingCount(seconds, buckets, clock)
        self._failures = RollingCount(seconds, buckets, clock)
        self._slow = RollingCount(seconds, buckets, clock)

    def record(self, outcome: Outcome) -> None:
        self._calls.add()
        if outcome is Outcome.FAILURE:
            self._failures.add()
        elif outcome is Outcome.SLOW:
            self._slow.add()

    def clear(self) -> None:
        for count in (self._calls, self._failures, self._slow):
            count.clear()

    @property
    def calls(self) -> int:
        return self._calls.total

    @property
    def error_rate(self) -> float:
        """Failures a call, 0.0 to 1.0; 0.0 without calls."""
        return self._failures.total / max(1, self.calls)

    @property
    def bad_rate(self) -> float:
        """Failures and slow answers a call, 0.0 to 1.0; 0.0 without calls."""
        return (self._failures.total + self._slow.total) / max(1, self.calls)


class Latencies:
    """How long the last `size` calls took; for the operations board, so a sort on reading is cheap enough."""

    __slots__ = ("_last_s",)

    def __init__(self, size: int = 200) -> None:
        self._last_s: deque[float] = deque(maxlen=size)

    def record(self, seconds: float) -> None:
        self._last_s.append(seconds)

    def percentile_ms(self, share: float) -> float | None:
        """The nearest-rank percentile in milliseconds (0.99: p99); None without calls."""
        if not self._last_s:
            return None
        rank = math.ceil(share * len(self._last_s))
        return round(sorted(self._last_s)[max(rank, 1) - 1] * 1000, 3)
