"""The replicas of one dependency, each with its breaker, and the choice among them."""

import math
import random
from collections.abc import Callable

from holdfast.resilience.addresses import Addresses, DnsName
from holdfast.resilience.breaker import CLOSED, CircuitBreaker, StateChanged
from holdfast.resilience.clock import SYSTEM_CLOCK, Clock
from holdfast.resilience.ejection import may_eject, readmit
from holdfast.resilience.errors import DependencyUnavailable
from holdfast.resilience.pace import Pace
from holdfast.resilience.settings import BreakerSettings, ProbeSettings
from holdfast.resilience.watches import Watches


class Replica:
    """One process of the dependency. `name` is host:port. Its breaker is not closed while it is ejected or lost."""

    __slots__ = ("_lost_or_found", "breaker", "name", "pace", "url", "watches")

    def __init__(self, url: str, breaker: CircuitBreaker, pace: Pace, lost_or_found: Callable[[], None]) -> None:
        self.url = url
        self.name = url.removeprefix("http://")
        self.breaker = breaker
        self.pace = pace
        self.watches = Watches()
        self._lost_or_found = lost_or_found

    @property
    def load_s(self) -> float:
        """About how long one more call would take, next to the same of another replica."""
        return (self.breaker.in_flight + 1) * self.pace.slowest_s

    def probe_answered(self, seconds: float) -> None:
        """A probe was answered after so long: it is not lost."""
        lost = self.breaker.lost
        self.breaker.probe_succeeded()
        self.pace.took(seconds)
        if lost:
            self._lost_or_found()

    def probe_missed(self) -> None:
        """Count a missed probe; with the one that is too many it is lost, which also ends the watched calls."""
        self.pace.missed()
        if self.breaker.probe_missed():
            self.watches.lose()
            self._lost_or_found()

    def forget_probes(self) -> None:
        """Nobody probes it any more: it counts as quick and as not lost."""
        self.pace.forget()
        if self.breaker.lost:
            self.breaker.forget_probes()
            self._lost_or_found()


class Replicas:
    """Who there is now. Fixed URLs stay; those of a DNS name come and go with its answers, keeping their breakers.

    Balancing is power of two choices (Mitzenmacher) by calls in flight times the slowest of the latest probes, as
    Finagle's peak EWMA, but by probes: they are alike for all replicas, and one that gets no calls shows when it is
    quick again. Ties are drawn, so that healthy replicas share evenly even when calls come one at a time; replicas
    whose breaker refuses are left out. Calls eject at most a share of those that answer probes (`ejection`); when all
    are lost the service is.
    """

    def __init__(
        self,
        dependency: str,
        addresses: Addresses,
        breaker: BreakerSettings,
        probe: ProbeSettings,
        *,
        clock: Clock = SYSTEM_CLOCK,
        rng: random.Random | None = None,
    ) -> None:
        self.dependency = dependency
        self._breaker = breaker
        self._probe = probe
        self._clock = clock
        self._rng = rng or random.Random()
        self._listeners: list[StateChanged] = []
        self._by_source: dict[DnsName | None, tuple[str, ...]] = {None: addresses.urls}
        self._replicas: dict[str, Replica] = {}
        self._rebuild()

    def current(self) -> tuple[Replica, ...]:
        return tuple(self._replicas.values())

    def update(self, name: DnsName, urls: tuple[str, ...]) -> None:
        """The replicas of a DNS name are now these. Call it on the event loop."""
        if self._by_source.get(name) != urls:
            self._by_source[name] = urls
            self._rebuild()
            self._readmit()

    def add_listener(self, changed: StateChanged) -> None:
        """Hear of every change of every replica's breaker, also of replicas still to come."""
        self._listeners.append(changed)
        for replica in self._replicas.values():
            replica.breaker.add_listener(changed)

    @property
    def pace_s(self) -> float:
        """The pace of the quickest that would be given a call now; infinite when there is none."""
        return min((each.pace.slowest_s for each in self._replicas.values() if each.breaker.admits), default=math.inf)

    def require(self) -> None:
        """Raise DependencyUnavailable unless some replica would be given a call now."""
        for replica in self._replicas.values():
            if replica.breaker.admits:
                return
        raise self._none_left()

    def pick(self, *, other_than: Replica | None = None) -> Replica:
        """The replica for the next call; `other_than` is left out. Raises DependencyUnavailable when none is left."""
        open_to_calls = []
        for replica in self._replicas.values():  # (a comprehension is a call more, for each call to another service)
            if replica is not other_than and replica.breaker.admits:
                open_to_calls.append(replica)
        if not open_to_calls:
            raise self._none_left()
        if len(open_to_calls) == 1:
            return open_to_calls[0]
        # Two different ones in random order, so that a tie is random too.
        first = int(self._rng.random() * len(open_to_calls))
        second = (first + 1 + int(self._rng.random() * (len(open_to_calls) - 1))) % len(open_to_calls)
        one, two = open_to_calls[first], open_to_calls[second]
        return two if two.load_s < one.load_s else one

    def _none_left(self) -> DependencyUnavailable:
        if not self._replicas:
            return DependencyUnavailable(self.dependency, reason="no-replica")
        soonest_s = min(replica.breaker.retry_after_s for replica in self._replicas.values())
        return DependencyUnavailable(self.dependency, retry_after_s=max(1, soonest_s), reason="breaker-open")

    def _better_than(self, replica: Replica, bad_rate: float) -> bool:
        """Whether another one goes wrong at most half as often. Replicas share the calls evenly, so whatever slows
        all of them, however short ago it began, shows in all their rates alike. A slower one gets few calls, and so
        its rate says little.
        """
        return any(
            2 * other.breaker.bad_rate <= bad_rate
            for other in self._replicas.values()
            if other.breaker.state == CLOSED and other.pace.slowest_s <= replica.pace.slowest_s and other is not replica
        )

    def _rebuild(self) -> None:
        urls = dict.fromkeys(url for source in self._by_source.values() for url in source)
        self._replicas = {url: self._replicas.get(url) or self._make(url) for url in urls}

    def _make(self, url: str) -> Replica:
        name = f"{self.dependency} {url.removeprefix('http://')}"
        breaker = CircuitBreaker(
            name,
            self._breaker,
            dependency=self.dependency,
            clock=self._clock,
            rng=self._rng.random,
            waits_for_probe=True,
            better_elsewhere=lambda rate: self._better_than(replica, rate),
            may_open=lambda: may_eject(self._breakers, self._breaker.ejected_share),
        )
        for changed in self._listeners:
            breaker.add_listener(changed)
        replica = Replica(url, breaker, Pace(self._probe), self._readmit)  # the breaker asks for it when it is called
        return replica

    def _readmit(self) -> None:
        readmit(self._breakers, self._breaker.ejected_share)

    @property
    def _breakers(self) -> list[CircuitBreaker]:
        return [replica.breaker for replica in self._replicas.values()]
