"""A share of one core's time for a class of calls, however many of them there are and whatever each one costs."""

from dataclasses import dataclass

from holdfast.resilience.clock import SYSTEM_CLOCK, Clock
from holdfast.resilience.protections import PROTECTIONS


@dataclass(frozen=True, slots=True)
class TimeShareSettings:
    """`share`: seconds of work a second, sustained; `burst_s`: seconds of work that may go beyond it."""

    share: float
    burst_s: float


class TimeShare:
    """An account of seconds: each call books what it takes, and the next one has to wait while it is overdrawn."""

    __slots__ = ("_clock", "_paid_off_at_s", "_settings")

    def __init__(self, settings: TimeShareSettings, clock: Clock = SYSTEM_CLOCK) -> None:
        self._settings = settings
        self._clock = clock
        self._paid_off_at_s = float("-inf")

    @property
    def paid_off(self) -> bool:
        """Whether it is as good as a new one."""
        return self._paid_off_at_s <= self._clock.now()

    def wait_s(self) -> float:
        """Seconds until the next call may begin; 0 while bulkheads are switched off."""
        if "bulkhead" not in PROTECTIONS.on:
            return 0.0
        allowed_s = self._settings.burst_s / self._settings.share
        return max(0.0, self._paid_off_at_s - self._clock.now() - allowed_s)

    def charge(self, work_s: float) -> None:
        """Book the time that a call takes, or give some back."""
        self._paid_off_at_s = max(self._paid_off_at_s, self._clock.now()) + work_s / self._settings.share
