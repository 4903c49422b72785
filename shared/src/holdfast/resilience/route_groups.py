"""The service breaker: one circuit breaker for each group of routes of a service, over all of its replicas.

A replica is ejected for what its calls did; that a service is away is decided here, by what calls of one kind came to
in the end, repeats included (ADR 19). So one route's failures close no other's.
"""

import random
from collections.abc import Callable

from holdfast.resilience.breaker import OPEN, CircuitBreaker, StateChanged
from holdfast.resilience.clock import Clock
from holdfast.resilience.settings import BreakerSettings

EVERY_CALL = "all"
"""The group of a client that tells its calls not apart."""


def stay(_bad_rate: float) -> bool:
    """Where all replicas are slow there is nobody better (ADR 9): slow answers alone do not open it."""
    return False


class RouteGroups(dict[str, CircuitBreaker]):
    """`groups["search"]`, made at its first call. The names are the program's own: their number is bounded."""

    def __init__(
        self, dependency: str, settings: BreakerSettings, *, clock: Clock, rng: Callable[[], float] = random.random
    ) -> None:
        super().__init__()
        self._dependency = dependency
        self._settings = settings
        self._clock = clock
        self._rng = rng
        self._listeners: list[StateChanged] = []

    def __missing__(self, group: str) -> CircuitBreaker:
        name = f"{self._dependency} {group}"
        breaker = CircuitBreaker(
            name,
            self._settings,
            dependency=self._dependency,
            clock=self._clock,
            rng=self._rng,
            better_elsewhere=stay,
        )
        for changed in self._listeners:
            breaker.add_listener(changed)
        self[group] = breaker
        return breaker

    def add_listener(self, changed: StateChanged) -> None:
        """Hear of every change of every group's breaker, also of groups still to come."""
        self._listeners.append(changed)
        for breaker in self.values():
            breaker.add_listener(changed)

    @property
    def all_open(self) -> bool:
        """Whether there were calls, and now there are none of any group."""
        return bool(self) and all(breaker.state == OPEN for breaker in self.values())
