"""What a breaker judges by: how often and how many times in a row a dependency's calls went badly."""

from holdfast.resilience.clock import Clock
from holdfast.resilience.outcome import FAILURE, SUCCESS, Outcome
from holdfast.resilience.settings import BreakerSettings
from holdfast.resilience.window import RollingCount


class Tally:
    """The outcomes of calls, over a window and in a row. Neutral ones are not to be recorded.

    A rate alone dilutes: after 10 s of health it needs 5 s of pure failure; a row alone misses half of the calls
    failing at random. Either condemns (Finagle, Linkerd).
    """

    __slots__ = ("_bad_in_a_row", "_calls", "_failures", "_failures_in_a_row", "_settings", "_slow")

    def __init__(self, settings: BreakerSettings, clock: Clock) -> None:
        self._settings = settings
        self._calls = RollingCount(settings.window_s, settings.window_buckets, clock)
        self._failures = RollingCount(settings.window_s, settings.window_buckets, clock)
        self._slow = RollingCount(settings.window_s, settings.window_buckets, clock)
        self._failures_in_a_row = 0
        self._bad_in_a_row = 0

    def record(self, outcome: Outcome) -> None:
        self._calls.add()
        if outcome is SUCCESS:
            self._failures_in_a_row = self._bad_in_a_row = 0
            return
        self._bad_in_a_row += 1
        if outcome is FAILURE:
            self._failures.add()
            self._failures_in_a_row += 1
        else:
            self._slow.add()
            self._failures_in_a_row = 0

    def start_row_again(self) -> None:
        self._failures_in_a_row = self._bad_in_a_row = 0

    def clear(self) -> None:
        self.start_row_again()
        for count in (self._calls, self._failures, self._slow):
            count.clear()

    @property
    def calls(self) -> int:
        """How many were recorded over the window."""
        return self._calls.total

    @property
    def error_rate(self) -> float:
        """Failures a call over the window, 0.0 to 1.0; 0.0 without calls."""
        return self._failures.total / max(1, self.calls)

    @property
    def bad_rate(self) -> float:
        """Failures and slow answers a call over the window, 0.0 to 1.0; 0.0 without calls."""
        return (self._failures.total + self._slow.total) / max(1, self.calls)

    @property
    def failing(self) -> bool:
        """Condemned by failures alone."""
        in_a_row = self._failures_in_a_row >= self._settings.failures_in_a_row
        return in_a_row or self._too_often(self.error_rate)

    @property
    def ailing(self) -> bool:
        """Condemned by failures and slow answers together."""
        longest = self._settings.bad_in_a_row
        in_a_row = longest is not None and self._bad_in_a_row >= longest
        return in_a_row or self._too_often(self.bad_rate)

    def _too_often(self, rate: float) -> bool:
        return rate >= self._settings.bad_share and self.calls >= self._settings.least_calls
