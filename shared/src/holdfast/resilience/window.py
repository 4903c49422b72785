"""What the last seconds' calls came to, in buckets, and how long the last calls took."""

from collections import deque

from holdfast.resilience.clock import Clock


class OutcomeWindow:
    """Counts calls and failures of the last `seconds`, in `buckets` equal parts (Hystrix's rolling window).

    A bucket is forgotten whole, so the window covers between seconds - seconds/buckets and seconds.
    """

    __slots__ = ("_buckets", "_clock", "_kept", "_width_s")

    def __init__(self, seconds: float, buckets: int, clock: Clock) -> None:
        self._width_s = seconds / buckets
        self._kept = buckets
        self._clock = clock
        self._buckets: deque[list[int]] = deque()  # [number of the bucket, calls, failures], oldest first

    def record(self, *, failed: bool) -> None:
        number = self._forget()
        if not self._buckets or self._buckets[-1][0] != number:
            self._buckets.append([number, 0, 0])
        self._buckets[-1][1] += 1
        self._buckets[-1][2] += failed

    def clear(self) -> None:
        self._buckets.clear()

    @property
    def calls(self) -> int:
        self._forget()
        return sum(bucket[1] for bucket in self._buckets)

    @property
    def failures(self) -> int:
        self._forget()
        return sum(bucket[2] for bucket in self._buckets)

    @property
    def error_rate(self) -> float:
        """Failures a call, 0.0 to 1.0; 0.0 without calls."""
        calls = self.calls
        return self.failures / calls if calls else 0.0

    def _forget(self) -> int:
        number = int(self._clock.now() / self._width_s)
        while self._buckets and self._buckets[0][0] <= number - self._kept:
            self._buckets.popleft()
        return number


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
        ordered = sorted(self._last_s)
        rank = max(0, -int(-share * len(ordered) // 1) - 1)
        return round(ordered[rank] * 1000, 3)
