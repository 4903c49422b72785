"""A count over the last seconds, in buckets, and how long the last calls took."""

import math
from collections import deque

from holdfast.resilience.clock import Clock


class RollingCount:
    """A count over the last `seconds`, kept in `buckets` equal parts (Hystrix's rolling number).

    A bucket is forgotten whole, so what is counted reaches back between seconds - seconds/buckets and seconds.
    """

    __slots__ = ("_buckets", "_clock", "_kept", "_newest", "_turns_s", "_width_s")

    def __init__(self, seconds: float, buckets: int, clock: Clock) -> None:
        self._width_s = seconds / buckets
        self._kept = buckets
        self._clock = clock
        self.clear()

    def clear(self) -> None:
        self._newest: list[float] = [-self._kept, 0]  # number of the bucket, count: one that is forgotten already
        self._buckets = deque([self._newest], maxlen=self._kept)  # oldest first
        self._turns_s = -math.inf  # when the newest one ends

    def add(self) -> None:
        now_s = self._clock.now()
        if now_s >= self._turns_s:
            number = now_s // self._width_s
            self._turns_s = (number + 1) * self._width_s
            if number != self._newest[0]:  # (the product can fall short by a hair)
                self._newest = [number, 0]
                self._buckets.append(self._newest)
        self._newest[1] += 1

    @property
    def total(self) -> int:
        oldest = self._clock.now() // self._width_s - self._kept
        return int(sum(count for number, count in self._buckets if number > oldest))


class Latencies:
    """How long the last `size` calls took; for the operations board, so a sort on reading is cheap enough."""

    __slots__ = ("_last_s", "record")

    def __init__(self, size: int = 200) -> None:
        self._last_s: deque[float] = deque(maxlen=size)
        self.record = self._last_s.append  # itself, not a call around it, as every call does it
        """One more call took so many seconds."""

    def percentile_ms(self, share: float) -> float | None:
        """The nearest-rank percentile in milliseconds (0.99: p99); None without calls."""
        if not self._last_s:
            return None
        rank = math.ceil(share * len(self._last_s))
        return round(sorted(self._last_s)[max(rank, 1) - 1] * 1000, 3)
