"""How quickly one replica answers its probes, next to the others."""

import math
from collections import deque

from holdfast.resilience.settings import ProbeSettings


class Pace:
    """What its latest probes took; a missed one counts as the time that it was given."""

    __slots__ = ("_latest_s", "_limit_s", "_quick_s", "slowest_s")

    def __init__(self, settings: ProbeSettings) -> None:
        self._latest_s: deque[float] = deque(maxlen=settings.remembered)
        self._quick_s = settings.quick_s
        self._limit_s = settings.limit_s
        self.slowest_s = settings.quick_s
        """The longest of the latest probes, at least `quick_s`: among quick ones the difference says nothing. Infinite
        from a failed connection to the next answered probe."""

    def took(self, seconds: float) -> None:
        """One more probe was answered, after so long."""
        if self.slowest_s == math.inf:
            self._latest_s.clear()  # it may well be another process that answers now
        self._latest_s.append(seconds)
        self.slowest_s = max(self._quick_s, *self._latest_s)

    def missed(self) -> None:
        """One more probe was not answered."""
        if self.slowest_s < math.inf:
            self.took(self._limit_s)

    def broke_off(self) -> None:
        """A connection to it was not made, or broke: until it answers a probe, any other replica is quicker."""
        self.slowest_s = math.inf

    def forget(self) -> None:
        """Nothing is known any more: it counts as quick."""
        self._latest_s.clear()
        self.slowest_s = self._quick_s
