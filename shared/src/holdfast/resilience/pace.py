"""How quickly one replica answers its probes, next to the others."""

from collections import deque

from holdfast.resilience.settings import ProbeSettings


class Pace:
    """What the latest probes that it answered took. (Missed ones are its breaker's to count.)"""

    __slots__ = ("_latest_s", "_quick_s", "slowest_s")

    def __init__(self, settings: ProbeSettings) -> None:
        self._latest_s: deque[float] = deque(maxlen=settings.remembered)
        self._quick_s = settings.quick_s
        self.slowest_s = settings.quick_s
        """The longest of the latest probes, at least `quick_s`: among quick ones the difference says nothing."""

    def took(self, seconds: float) -> None:
        """One more probe took this long."""
        self._latest_s.append(seconds)
        self.slowest_s = max(self._quick_s, *self._latest_s)

    def forget(self) -> None:
        """Nothing is known any more: it counts as quick."""
        self._latest_s.clear()
        self.slowest_s = self._quick_s
