"""The register of a process's dependencies and what /status shows of it."""

import pytest

from holdfast.resilience.breaker import CircuitBreaker
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
    fresh = {"group": None, "breaker": "closed", "error_rate": 0.0, "p99_ms": None}
    assert lines == [
        {"from": "gateway", "to": "query-service", "replica": "127.0.0.1:1", "in_flight": 0, "limit": 32, **fresh},
        {"from": "gateway", "to": "query-service", "replica": "127.0.0.1:2", "in_flight": 0, "limit": 32, **fresh},
        {"from": "gateway", "to": "postgresql", "replica": None, "in_flight": 1, "limit": 16, **fresh},
    ]


def fail(breaker: CircuitBreaker) -> None:
    for _ in range(7):
        breaker.acquire().failure()


def test_a_group_has_a_line_while_its_breaker_is_not_closed() -> None:
    dependencies, client, _ = make()
    client.groups["browse"].acquire().success()
    fail(client.groups["search"])
    lines = [line.as_json() for line in dependencies.status() if line.group is not None]
    assert lines == [
        {"from": "gateway", "to": "query-service", "replica": None, "group": "search", "breaker": "open",
         "in_flight": 0, "limit": 32, "error_rate": 1.0, "p99_ms": None}
    ]  # fmt: skip


def test_a_service_is_healthy_while_a_replica_is_in_rotation_and_a_group_is_called() -> None:
    dependencies, client, guard = make()
    heard: list[tuple[str, str, str]] = []
    dependencies.add_listener(lambda *change: heard.append(change))
    one, two = client.replicas.current()
    fail(one.breaker)
    fail(guard.breaker)
    assert dependencies.healthy("query-service")
    assert not dependencies.healthy("postgresql")
    for breaker in [client.groups[group] for group in ("search", "browse")]:
        assert dependencies.healthy("query-service")
        fail(breaker)
    assert not dependencies.healthy("query-service")
    client.groups["browse"].close()
    assert dependencies.healthy("query-service")
    for _ in range(3):
        two.probe_missed()  # one is put back for it
    assert dependencies.healthy("query-service")
    for _ in range(3):
        one.probe_missed()
    assert not dependencies.healthy("query-service")
    assert [(name.removeprefix("query-service "), new) for name, _, new in heard] == [
        ("127.0.0.1:1", "open"),
        ("postgresql", "open"),
        ("search", "open"),
        ("browse", "open"),
        ("browse", "closed"),
        ("127.0.0.1:2", "open"),
        ("127.0.0.1:1", "closed"),
        ("127.0.0.1:1", "open"),
    ]
    with pytest.raises(KeyError):
        dependencies.healthy("kafka")
