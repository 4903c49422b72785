"""A circuit breaker for one replica or store: stops calls to what fails, and tries it again a few calls at a time.

The state (closed, open, half-open) and its listeners are pybreaker's; what it counts and times is out of play, since
none of its calling methods is used (CORRECTNESS 28 lists why). This module decides when to move the one state machine.
Synchronous, for one event loop; time and chance are passed in.
"""

import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pybreaker

from holdfast.resilience.clock import SYSTEM_CLOCK, Clock
from holdfast.resilience.errors import DependencyUnavailable, retry_after
from holdfast.resilience.outcome import ClassifyError, Outcome, errors_are_failures
from holdfast.resilience.protections import PROTECTIONS
from holdfast.resilience.settings import BreakerSettings
from holdfast.resilience.window import Latencies, OutcomeWindow

CLOSED, OPEN, HALF_OPEN = pybreaker.STATE_CLOSED, pybreaker.STATE_OPEN, pybreaker.STATE_HALF_OPEN

StateChanged = Callable[[str, str, str], None]
"""(breaker's name, old state, new state)"""


class Permit:
    """Leave to make one call. Settle it once: `success`, `failure` or `neutral`; more often changes nothing."""

    __slots__ = ("_breaker", "_settled", "begun_s", "ends_s", "generation")

    def __init__(self, breaker: "CircuitBreaker", generation: int, begun_s: float, ends_s: float) -> None:
        self._breaker = breaker
        self._settled = False
        self.generation = generation
        self.begun_s = begun_s
        self.ends_s = ends_s

    def success(self) -> None:
        self.settle(Outcome.SUCCESS)

    def failure(self) -> None:
        self.settle(Outcome.FAILURE)

    def neutral(self) -> None:
        """The call said nothing about the dependency (cancelled, shed, refused locally): the permit is given back."""
        self.settle(Outcome.NEUTRAL)

    def settle(self, outcome: Outcome) -> None:
        if not self._settled:
            self._settled = True
            self._breaker._settle(self, outcome)


@dataclass(frozen=True, slots=True)
class BreakerSnapshot:
    """A breaker as /status shows it. error_rate is failures a call over the window, retry_after_s is 0 if closed."""

    name: str
    state: str
    in_flight: int
    error_rate: float
    retry_after_s: int
    p99_ms: float | None


class _Announcer(pybreaker.CircuitBreakerListener):
    def __init__(self, name: str, changed: StateChanged) -> None:
        self._name = name
        self._changed = changed

    def state_change(
        self,
        cb: pybreaker.CircuitBreaker,  # noqa: ARG002
        old_state: pybreaker.CircuitBreakerState | None,
        new_state: pybreaker.CircuitBreakerState,
    ) -> None:
        self._changed(self._name, old_state.name if old_state else CLOSED, new_state.name)


class CircuitBreaker:
    """Opens after failures in a row or missed probes; half-opens after a jittered, growing time.

    With `waits_for_probe` it half-opens only after a good probe as well. Only real calls close it. Results of calls
    begun before the last change of state are dropped (a generation number, as in sony/gobreaker).
    """

    def __init__(
        self,
        name: str,
        settings: BreakerSettings | None = None,
        *,
        clock: Clock = SYSTEM_CLOCK,
        rng: Callable[[], float] = random.random,
        waits_for_probe: bool = False,
    ) -> None:
        self.name = name
        self.in_flight = 0
        self._settings = settings or BreakerSettings()
        self._clock = clock
        self._rng = rng
        self._waits_for_probe = waits_for_probe
        self._machine = pybreaker.CircuitBreaker(name=name)
        self._window = OutcomeWindow(self._settings.window_s, self._settings.window_buckets, clock)
        self._latencies = Latencies()
        self._generation = 0
        self._failures_in_a_row = 0
        self._successes = 0  # while half-open
        self._leased: list[Permit] = []  # while half-open
        self._openings = 0  # since it was last closed
        self._open_until_s = 0.0
        self._missed_probes = 0
        self._probed_well = False  # since it opened

    @property
    def state(self) -> str:
        """`closed`, `open` or `half-open`."""
        return self._machine.current_state

    @property
    def admits(self) -> bool:
        """Whether `acquire` would give a permit now; changes no state."""
        now_s = self._clock.now()
        if self.state == CLOSED or not PROTECTIONS.on("breaker"):
            return True
        if self.state == OPEN:
            return self._may_half_open(now_s)
        return self._half_open_room(now_s)

    @property
    def retry_after_s(self) -> int:
        """Whole seconds, 1 to 5, until another try makes sense; 0 while closed."""
        if self.state == CLOSED:
            return 0
        return retry_after(self._open_until_s - self._clock.now())

    def acquire(self, *, lease_s: float | None = None) -> Permit:
        """A permit for one call that takes less than `lease_s`; the caller must settle it.

        Raises DependencyUnavailable(reason `breaker-open`) when none is to be had. Never waits.
        """
        self.require()
        now_s = self._clock.now()
        if self.state == OPEN and self._may_half_open(now_s):
            self._enter(self._machine.half_open)
        length_s = self._settings.lease_s if lease_s is None else lease_s
        permit = Permit(self, self._generation, now_s, now_s + length_s)
        if self.state == HALF_OPEN and self._half_open_room(now_s):
            self._leased = [other for other in self._leased if other.ends_s > now_s]
            self._leased.append(permit)
        self.in_flight += 1
        return permit

    def require(self) -> None:
        """Raise what `acquire` would raise, without taking a permit."""
        if not self.admits:
            raise DependencyUnavailable(self.name, retry_after_s=self.retry_after_s, reason="breaker-open")

    @asynccontextmanager
    async def guard(
        self, *, classify: ClassifyError = errors_are_failures, lease_s: float | None = None
    ) -> AsyncIterator[Permit]:
        """Hold a permit around awaits. What the block raises counts as `classify` says, cancellation as neutral.

        The block may settle the permit itself (an answer that is a failure); else its normal end is a success.
        """
        permit = self.acquire(lease_s=lease_s)
        try:
            yield permit
            permit.success()
        except Exception as error:
            permit.settle(classify(error))
            raise
        finally:
            permit.neutral()  # cancelled: says nothing (CORRECTNESS 28)

    def probe_succeeded(self) -> None:
        """An active probe was answered: the breaker may half-open when its time is up. It never closes it."""
        self._missed_probes = 0
        self._probed_well = True
        if self.state == OPEN and self._may_half_open(self._clock.now()):
            self._enter(self._machine.half_open)

    def probe_missed(self) -> bool:
        """An active probe was not answered. True when this was the miss that makes the replica count as lost."""
        self._probed_well = False
        self._missed_probes += 1
        if self._missed_probes != self._settings.missed_probes:
            return False
        if self.state != OPEN:
            self._open()
        return True

    def add_listener(self, changed: StateChanged) -> None:
        """Call `changed(name, old state, new state)` at each change, for metrics and logs. It must not raise."""
        self._machine.add_listener(_Announcer(self.name, changed))

    def snapshot(self) -> BreakerSnapshot:
        return BreakerSnapshot(
            name=self.name,
            state=self.state,
            in_flight=self.in_flight,
            error_rate=round(self._window.error_rate, 4),
            retry_after_s=self.retry_after_s,
            p99_ms=self._latencies.percentile_ms(0.99),
        )

    def _settle(self, permit: Permit, outcome: Outcome) -> None:
        self.in_flight -= 1
        if permit.generation != self._generation:
            return  # begun in an older state: says nothing about this one
        if self.state == HALF_OPEN:
            if permit not in self._leased:
                return  # its lease ran out and was lent again
            self._leased.remove(permit)
        if outcome is Outcome.NEUTRAL:
            return
        self._window.record(failed=outcome is Outcome.FAILURE)
        self._latencies.record(self._clock.now() - permit.begun_s)
        if self.state == OPEN:
            return  # let through because breakers are switched off: counted, but only time half-opens it
        if outcome is Outcome.FAILURE:
            self._count_failure()
        else:
            self._count_success()

    def _count_failure(self) -> None:
        self._failures_in_a_row += 1
        if self.state == HALF_OPEN or self._trips():
            self._open()

    def _count_success(self) -> None:
        self._failures_in_a_row = 0
        if self.state == HALF_OPEN:
            self._successes += 1
            if self._successes >= self._settings.half_open_permits:
                self._openings = 0
                self._window.clear()
                self._enter(self._machine.close)

    def _trips(self) -> bool:
        """Whether a closed breaker opens now. A rate over the window joins here."""
        return self._failures_in_a_row >= self._settings.failures_in_a_row

    def _open(self) -> None:
        doubled_s = self._settings.open_s * 2 ** min(self._openings, 20)  # bounded: hours of outage must not overflow
        jitter = 1 + self._settings.jitter * (2 * self._rng() - 1)
        self._open_until_s = self._clock.now() + min(doubled_s, self._settings.longest_open_s) * jitter
        self._openings += 1
        self._probed_well = False
        self._enter(self._machine.open)

    def _enter(self, move: Callable[[], object]) -> None:
        self._generation += 1
        self._failures_in_a_row = 0
        self._successes = 0
        self._leased = []
        move()

    def _may_half_open(self, now_s: float) -> bool:
        waits = self._waits_for_probe and PROTECTIONS.on("probe")
        return now_s >= self._open_until_s and (self._probed_well or not waits)

    def _half_open_room(self, now_s: float) -> bool:
        live = sum(permit.ends_s > now_s for permit in self._leased)
        return live + self._successes < self._settings.half_open_permits
