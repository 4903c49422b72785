"""A circuit breaker for a replica, a route group or a store: stops calls to what fails, and tries it again a few calls
at a time.

The state (closed, open, half-open) and its listeners are pybreaker's; what it counts and times is out of play, since
none of its calling methods is used (CORRECTNESS 28 lists why). This module decides when to move the one state machine.
Synchronous, for one event loop; time and chance are passed in.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass

import pybreaker

from holdfast.resilience.clock import SYSTEM_CLOCK, Clock
from holdfast.resilience.deadline import Deadline
from holdfast.resilience.errors import DependencyUnavailable, retry_after
from holdfast.resilience.outcome import FAILURE, NEUTRAL, SLOW, SUCCESS, ClassifyError, Outcome, errors_are_failures
from holdfast.resilience.permit import Permit
from holdfast.resilience.protections import PROTECTIONS
from holdfast.resilience.settings import BreakerSettings
from holdfast.resilience.tally import Tally
from holdfast.resilience.window import Latencies

CLOSED, OPEN, HALF_OPEN = pybreaker.STATE_CLOSED, pybreaker.STATE_OPEN, pybreaker.STATE_HALF_OPEN

StateChanged = Callable[[str, str, str], None]
"""(breaker's name, old state, new state)"""


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


BetterElsewhere = Callable[[float], bool]
"""(this one's bad rate) -> whether its calls would fare much better at another replica"""


def turn_away(_bad_rate: float) -> bool:
    """A store has no other replica: callers that have something to fall back on are better off at once."""
    return True


def always() -> bool:
    return True


class CircuitBreaker:
    """Opens on a bad rate over a window, on bad calls in a row or on missed probes; half-opens after a
    jittered, growing time.

    Bad is a failure, or a slow answer. A slow answer is still an answer, so slowness opens it only if calls would fare
    `better_elsewhere`: with two replicas slow at once it is what they share that is slow, or there is too much to do,
    and to turn away from both would make an outage of it (ADR 9). While half-open a slow answer opens it again like a
    failure, and good ones close it.

    Calls open it only while it `may_open`, missed probes always. With `waits_for_probe` it half-opens only after good
    probes as well. Only real calls close it. Results of calls begun before the last change of state are dropped (a
    generation number, as in sony/gobreaker).
    """

    def __init__(
        self,
        name: str,
        settings: BreakerSettings | None = None,
        *,
        dependency: str | None = None,
        clock: Clock = SYSTEM_CLOCK,
        rng: Callable[[], float] = random.random,
        waits_for_probe: bool = False,
        better_elsewhere: BetterElsewhere = turn_away,
        may_open: Callable[[], bool] = always,
    ) -> None:
        self.name = name
        self.dependency = dependency or name  # which its refusals name
        self.in_flight = 0
        self.state: str = CLOSED  # or OPEN, HALF_OPEN: the machine's, at hand since every call asks several times
        self._settings = settings or BreakerSettings()
        self._clock = clock
        self._rng = rng
        self._waits_for_probe = waits_for_probe
        self._better_elsewhere = better_elsewhere
        self._may_open = may_open
        self._machine = pybreaker.CircuitBreaker(name=name)
        self._tally = Tally(self._settings, clock)
        self._latencies = Latencies()
        self._generation = 0
        self._successes = 0  # while half-open
        self._leased: list[Permit] = []  # while half-open
        self._openings = 0  # since it was last closed
        self._open_until_s = 0.0
        self._missed_probes = 0
        self._good_probes = 0  # in a row, since it opened

    @property
    def admits(self) -> bool:
        """Whether `acquire` would give a permit now; changes no state."""
        if self.state == CLOSED or "breaker" not in PROTECTIONS.on:
            return True
        now_s = self._clock.now()
        if self.state == OPEN:
            return self._may_half_open(now_s)
        return self._half_open_room(now_s)

    @property
    def lost(self) -> bool:
        """Whether the latest probes were missed, so many in a row that nothing is expected of it."""
        return self._missed_probes >= self._settings.missed_probes

    @property
    def bad_rate(self) -> float:
        """Failures and slow answers a call over the window, 0.0 to 1.0."""
        return self._tally.bad_rate

    @property
    def retry_after_s(self) -> int:
        """Whole seconds, 1 to 5, until another try makes sense; 0 while closed."""
        if self.state == CLOSED:
            return 0
        return retry_after(self._open_until_s - self._clock.now())

    def acquire(self, *, lease_s: float | None = None, classify: ClassifyError = errors_are_failures) -> Permit:
        """A permit for one call that takes less than `lease_s`; the caller must settle it, or hold it by `with`.

        Raises DependencyUnavailable(reason `breaker-open`) when none is to be had. Never waits.
        """
        now_s = self._clock.now()
        length_s = self._settings.lease_s if lease_s is None else lease_s
        if self.state != CLOSED:
            self.require()
            if self.state == OPEN and self._may_half_open(now_s):
                self._enter(self._machine.half_open)
        permit = Permit(self, self._generation, now_s, now_s + length_s, classify)
        if self.state == HALF_OPEN and self._half_open_room(now_s):
            self._leased = [other for other in self._leased if other.ends_s > now_s]
            self._leased.append(permit)
        self.in_flight += 1
        return permit

    def enter(self, deadline: Deadline) -> Permit | int:
        """As `acquire`, but nothing is made for a call that finds it closed. Pass what this gives to `leave`, once."""
        if self.state != CLOSED:
            return self.acquire(lease_s=deadline.remaining_s() + self._settings.lease_margin_s)
        self.in_flight += 1
        return self._generation

    def leave(self, entered: Permit | int, outcome: Outcome) -> None:
        """The call that was begun with `enter` has ended so. How long it took is not kept."""
        if isinstance(entered, Permit):
            entered.settle(outcome)
            return
        self.in_flight -= 1
        if outcome is not NEUTRAL and entered == self._generation:
            self._tally.record(outcome)
            if outcome is not SUCCESS and self._trips():
                self._open()

    def require(self) -> None:
        """Raise what `acquire` would raise, without taking a permit."""
        if not self.admits:
            raise DependencyUnavailable(self.dependency, retry_after_s=self.retry_after_s, reason="breaker-open")

    def probe_succeeded(self) -> None:
        """An active probe was answered: the breaker may half-open when its time is up and enough of them were in a row.
        It never closes it.
        """
        self._missed_probes = 0
        self._good_probes += 1
        if self.state == OPEN and self._may_half_open(self._clock.now()):
            self._enter(self._machine.half_open)

    def probe_late(self) -> None:
        """An active probe was answered, but late: neither good nor missed."""
        self._missed_probes = 0
        self._good_probes = 0
        self._count_probe(SLOW)

    def probe_missed(self) -> bool:
        """An active probe was not answered. True when this was the miss that makes the replica count as lost."""
        self._missed_probes += 1
        self._good_probes = 0
        if self._missed_probes != self._settings.missed_probes:
            self._count_probe(FAILURE)
            return False
        if self.state != OPEN:
            self._open()
        return True

    def forget_probes(self) -> None:
        """Nobody probes any more: it is not known to be lost."""
        self._missed_probes = 0

    def close(self) -> None:
        """Let every call through again, whatever the last ones did; nothing of them is remembered."""
        self._openings = 0
        self._tally.clear()
        self._enter(self._machine.close)

    def add_listener(self, changed: StateChanged) -> None:
        """Call `changed(name, old state, new state)` at each change, for metrics and logs. It must not raise."""
        self._machine.add_listener(_Announcer(self.name, changed))

    def snapshot(self) -> BreakerSnapshot:
        return BreakerSnapshot(
            name=self.name,
            state=self.state,
            in_flight=self.in_flight,
            error_rate=round(self._tally.error_rate, 4),
            retry_after_s=self.retry_after_s,
            p99_ms=self._latencies.percentile_ms(0.99),
        )

    def settle(self, permit: Permit, outcome: Outcome) -> None:
        """Called by the permit, once."""
        self.in_flight -= 1
        if permit.generation != self._generation:
            return  # begun in an older state: says nothing about this one
        if self.state == HALF_OPEN:
            if permit not in self._leased:
                return  # its lease ran out and was lent again
            self._leased.remove(permit)
        if outcome is NEUTRAL:
            return
        self._tally.record(outcome)
        self._latencies.record(self._clock.now() - permit.begun_s)
        if self.state == HALF_OPEN:
            self._judge_half_open(outcome)
        elif outcome is not SUCCESS and self.state == CLOSED and self._trips():
            self._open()  # (if it is open, breakers are switched off: this one is counted, but only time half-opens it)

    def _count_probe(self, outcome: Outcome) -> None:
        if self._settings.counts_bad_probes and self.state == CLOSED:
            self._tally.record(outcome)
            if self._trips():
                self._open()

    def _judge_half_open(self, outcome: Outcome) -> None:
        if outcome is not SUCCESS:
            self._open()
            return
        self._successes += 1
        if self._successes >= self._settings.half_open_permits:
            self.close()

    def _trips(self) -> bool:
        tally = self._tally
        bad = tally.failing or (tally.ailing and self._better_elsewhere(tally.bad_rate))
        return bad and self._may_open()

    def _open(self) -> None:
        doubled_s = self._settings.open_s * 2 ** min(self._openings, 20)  # bounded: hours of outage must not overflow
        jitter = 1 + self._settings.jitter * (2 * self._rng() - 1)
        self._open_until_s = self._clock.now() + min(doubled_s, self._settings.longest_open_s) * jitter
        self._openings += 1
        self._good_probes = 0
        self._enter(self._machine.open)

    def _enter(self, move: Callable[[], object]) -> None:
        self._generation += 1
        self._tally.start_row_again()
        self._successes = 0
        self._leased = []
        move()
        self.state = self._machine.current_state

    def _may_half_open(self, now_s: float) -> bool:
        waits = self._waits_for_probe and "probe" in PROTECTIONS.on
        return now_s >= self._open_until_s and (self._good_probes >= self._settings.good_probes or not waits)

    def _half_open_room(self, now_s: float) -> bool:
        live = sum(permit.ends_s > now_s for permit in self._leased)
        return live + self._successes < self._settings.half_open_permits
