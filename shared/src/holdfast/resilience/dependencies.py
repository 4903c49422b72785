"""Every dependency of one process in one place, for /status and for the listeners of metrics."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from holdfast.resilience.breaker import CLOSED, OPEN, CircuitBreaker, StateChanged
from holdfast.resilience.client import OutboundClient
from holdfast.resilience.guard import Guard


@dataclass(frozen=True, slots=True)
class DependencyStatus:
    """One line of /status (INTERNALS). `replica` is host:port, None for a store and for a group of routes, which
    `group` names.
    """

    caller: str
    dependency: str
    replica: str | None
    group: str | None
    breaker: str
    in_flight: int
    limit: int
    error_rate: float
    p99_ms: float | None

    def as_json(self) -> dict[str, Any]:
        """`{from, to, replica, group, breaker, in_flight, limit, error_rate, p99_ms}`."""
        return {
            "from": self.caller,
            "to": self.dependency,
            "replica": self.replica,
            "group": self.group,
            "breaker": self.breaker,
            "in_flight": self.in_flight,
            "limit": self.limit,
            "error_rate": self.error_rate,
            "p99_ms": self.p99_ms,
        }


class Dependencies:
    """What `caller` (a service's name) depends on, in the order of adding."""

    def __init__(self, caller: str) -> None:
        self._caller = caller
        self._members: list[OutboundClient | Guard] = []

    def add(self, member: OutboundClient | Guard) -> None:
        self._members.append(member)

    def add_listener(self, changed: StateChanged) -> None:
        """Hear of every breaker's changes of state, of the members added so far and of their replicas and groups to
        come."""
        for member in self._members:
            target = member if isinstance(member, OutboundClient) else member.breaker
            target.add_listener(changed)

    def status(self) -> list[DependencyStatus]:
        return [line for member in self._members for line in self._lines(member)]

    def healthy(self, name: str) -> bool:
        """Whether the dependency of this name would be called now: a store's breaker is not open; of a service one
        replica's is not, and one group's. Raises KeyError for a name that was not added.
        """
        members = [member for member in self._members if member.name == name]
        if not members:
            raise KeyError(name)
        return all(
            member.reachable if isinstance(member, OutboundClient) else member.breaker.state != OPEN
            for member in members
        )

    def _lines(self, member: OutboundClient | Guard) -> Iterator[DependencyStatus]:
        limit = member.bulkhead.limit
        if isinstance(member, Guard):
            yield self._line(member.name, member.breaker, limit)
            return
        for replica in member.replicas.current():
            yield self._line(member.name, replica.breaker, limit, replica=replica.name)
        for group, breaker in member.groups.items():
            if breaker.state != CLOSED:
                yield self._line(member.name, breaker, limit, group=group)

    def _line(
        self, to: str, breaker: CircuitBreaker, limit: int, *, replica: str | None = None, group: str | None = None
    ) -> DependencyStatus:
        seen = breaker.snapshot()
        return DependencyStatus(
            caller=self._caller,
            dependency=to,
            replica=replica,
            group=group,
            breaker=seen.state,
            in_flight=seen.in_flight,
            limit=limit,
            error_rate=seen.error_rate,
            p99_ms=None if group else seen.p99_ms,  # kept of a group's trials alone
        )
