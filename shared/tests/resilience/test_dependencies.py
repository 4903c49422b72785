"""The register of a process's dependencies and what /status shows of it."""

import pytest

from holdfast.resilience.client import OutboundClient
from holdfast.resilience.deadline import Deadline
from holdfast.resilience.dependencies import Dependencies
from holdfast.resilience.guard import Guard
from holdfast.resilience.settings import POSTGRES_BULKHEAD, QUERY_CLIENT, GuardSettings


def make() -> tuple[Dependencies, OutboundClient, Guard]:
    dependencies = Dependencies("gateway")
    client = OutboundClient("query-service", "http://127.0.0.1:1,http://127.0.0.1:2", QUERY_CLIENT)
    guard = Guard("postgresql", GuardSettings(bulkhead=POSTGRES_BULKHEAD))
    dependencies.add(client)
    dependencies.add(guard)
    return dependencies, client, guard


async def test_status_has_a_line_for_each_replica_and_store() -> None:
    dependencies, _, guard = make()
    async with guard(Deadline.after(1)):
        lines = [line.as_json() for line in dependencies.status()]
    fresh = {"breaker": "closed", "error_rate": 0.0, "p99_ms": None}
    assert lines == [
        {"from": "gateway", "to": "query-service", "replica": "127.0.0.1:1", "in_flight": 0, "limit": 32, **fresh},
        {"from": "gateway", "to": "query-service", "replica": "127.0.0.1:2", "in_flight": 0, "limit": 32, **fresh},
        {"from": "gateway", "to": "postgresql", "replica": None, "in_flight": 1, "limit": 16, **fresh},
    ]


def test_a_dependency_is_healthy_while_one_breaker_of_it_is_not_open() -> None:
    dependencies, client, guard = make()
    heard: list[tuple[str, str, str]] = []
    dependencies.add_listener(lambda *change: heard.append(change))
    one, two = client.replicas.current()
    for breaker in (one.breaker, guard.breaker):
        for _ in range(7):
            breaker.acquire().failure()
    assert dependencies.healthy("query-service")
    assert not dependencies.healthy("postgresql")
    for _ in range(7):
        two.breaker.acquire().failure()
    assert not dependencies.healthy("query-service")
    assert [name for name, _, _ in heard] == ["query-service 127.0.0.1:1", "postgresql", "query-service 127.0.0.1:2"]
    with pytest.raises(KeyError):
        dependencies.healthy("kafka")
