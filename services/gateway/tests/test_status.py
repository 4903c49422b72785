"""/api/ops/status and the process's own health."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from gateway.board import DOWN, KEPT_S, StatusBoard
from gateway.ops import OpsStatus
from holdfast.resilience.addresses import DnsName
from holdfast.resilience.clock import FakeClock
from holdfast.service.credentials import DEMO_SERVICE_KEYS, Signer
from holdfast.testing.credentials import AsService

BREAKER = {
    "from": "command-service", "to": "postgresql", "replica": None, "group": None, "breaker": "closed", "in_flight": 1,
    "limit": 16, "error_rate": 0.0, "p99_ms": None,
}  # fmt: skip
COMMAND = {
    "service": "command-service", "replica": "command-1", "state": "up", "since": "2026-01-01T00:00:00Z",
    "dependencies": [BREAKER],
}  # fmt: skip
RELAY = {
    "service": "relay", "replica": "relay", "state": "up", "since": "2026-01-01T00:00:00Z", "dependencies": [],
    "outbox": {"pending": 3, "oldest_s": 0.5},
}  # fmt: skip
PROJECTOR = {
    "service": "projector", "replica": "projector", "state": "degraded", "since": "2026-01-01T00:00:00Z",
    "dependencies": [], "projection": {"lag_events": 7, "as_of": "2026-01-01T00:00:00Z"},
}  # fmt: skip


async def test_the_status_shows_every_process_breaker_and_lag(stack: AsyncExitStack, kit: Any) -> None:
    command, relay, projector, dead = [await kit.start_standin(stack) for _ in range(4)]
    for standin, told in ((command, COMMAND), (relay, RELAY), (projector, PROJECTOR)):
        standin.then(200, told)
    await dead.stop()
    names = ("command-1", "relay", "projector", "payment")
    urls = [f"{name}={standin.url}" for name, standin in zip(names, (command, relay, projector, dead), strict=True)]
    shop = await kit.open_shop(stack, status_urls=",".join(urls), status_interval_s=0.05, replica="gateway-1")
    status = await _until(shop, lambda found: len(found["services"]) == 5)
    OpsStatus.model_validate(status)
    states = {(service["name"], service["replica"]): service["state"] for service in status["services"]}
    assert states == {
        ("command-1", "command-1"): "up",
        ("relay", "relay"): "up",
        ("projector", "projector"): "degraded",
        ("payment", dead.url.removeprefix("http://")): "down",
        ("gateway", "gateway-1"): "up",
    }
    assert status["outbox"] == RELAY["outbox"]
    assert status["projection"] == PROJECTOR["projection"]
    assert BREAKER in status["dependencies"]
    own = [line for line in status["dependencies"] if line["from"] == "gateway"]
    assert [(line["to"], line["breaker"]) for line in own] == [
        ("query-service", "closed"),
        ("command-service", "closed"),
    ]


async def test_a_process_that_stops_answering_is_down_since_then_and_up_again_later(
    stack: AsyncExitStack, kit: Any
) -> None:
    relay = await kit.start_standin(stack)
    relay.then(200, RELAY)
    shop = await kit.open_shop(stack, status_urls=f"relay={relay.url}", status_interval_s=0.05)
    assert (await _until(shop, lambda found: found["outbox"]))["services"][-1]["state"] == "up"
    relay.then(500, {})
    down = await _until(shop, lambda found: found["outbox"] is None)
    first = _service(down, "relay")
    assert (first["state"], first["replica"]) == (DOWN, "relay")
    await asyncio.sleep(0.2)
    later = (await shop.call("GET", "/api/ops/status")).json()
    assert _service(later, "relay")["since"] == first["since"]
    assert later["as_of"] > down["as_of"]
    relay.then(200, RELAY)
    assert _service(await _until(shop, lambda found: found["outbox"]), "relay")["state"] == "up"


async def test_a_process_that_hangs_or_babbles_does_not_hold_the_others_up(stack: AsyncExitStack, kit: Any) -> None:
    hanging, babbling, relay = [await kit.start_standin(stack) for _ in range(3)]
    hanging.then_hang()
    babbling.then(200, b"[1]")
    relay.then(200, RELAY)
    urls = f"one={hanging.url},two={babbling.url},relay={relay.url}"
    shop = await kit.open_shop(stack, status_urls=urls, status_interval_s=0.05)
    status = await _until(shop, lambda found: found["outbox"])
    assert (_service(status, "one")["state"], _service(status, "two")["state"]) == (DOWN, DOWN)


GATEWAY = Signer("gateway", DEMO_SERVICE_KEYS["gateway"])


async def test_the_gateway_lists_itself_once(stack: AsyncExitStack, kit: Any) -> None:
    itself = await kit.start_standin(stack)
    itself.then(200, {"service": "gateway", "replica": "gateway-1", "state": "up", "dependencies": [BREAKER]})
    shop = await kit.open_shop(
        stack, status_urls=f"gateway-1={itself.url}", status_interval_s=0.05, replica="gateway-1"
    )
    status = await _until(shop, lambda found: _state(found, "gateway-1") == "up")
    assert [service["name"] for service in status["services"]] == ["gateway-1"]
    assert BREAKER not in status["dependencies"]


async def test_a_replica_that_left_its_name_is_down_for_a_minute_and_then_forgotten(
    stack: AsyncExitStack, kit: Any
) -> None:
    replica = await kit.start_standin(stack)
    replica.then(200, COMMAND)
    clock = FakeClock()
    board = StatusBoard([("command-service", "dns+http://command-service:8101")], 1, GATEWAY, clock=clock)
    stack.push_async_callback(board.close)
    name = DnsName("command-service", 8101)
    board.resolved(name, (replica.url,))
    await board.poll()
    assert [seen.state for seen in board.processes] == ["up"]
    board.resolved(name, ())
    await board.poll()
    assert [(seen.replica, seen.state) for seen in board.processes] == [("command-1", DOWN)]
    clock.advance(KEPT_S + 1)
    await board.poll()
    assert board.processes == []


@pytest.mark.parametrize(("role", "status"), [(None, 401), ("guest", 403), ("customer", 403), ("admin", 200)])
async def test_in_production_only_an_admin_sees_the_status(
    stack: AsyncExitStack, kit: Any, role: Any, status: int
) -> None:
    shop = await kit.open_shop(stack, mode="production")
    assert (await shop.call("GET", "/api/ops/status", role)).status_code == status


async def test_health_needs_no_token_and_stays_up_alone(shop: Any) -> None:
    await shop.query.stop()
    await shop.command.stop()
    for _ in range(8):
        await shop.call("GET", "/api/cart", "guest")
    assert (await shop.call("GET", "/healthz")).status_code == 200
    ready = await shop.call("GET", "/readyz")
    assert (ready.status_code, ready.json()["dependencies"]) == (
        200,
        {"query-service": "away", "command-service": "away"},
    )
    status = (await shop.call("GET", "/status", auth=AsService("tools", "gateway"))).json()
    assert (status["service"], status["state"]) == ("gateway", "degraded")


async def test_metrics_count_answers_attempts_fallbacks_and_breakers(shop: Any) -> None:
    await shop.call("GET", "/api/products/A")
    await shop.query.stop()
    for _ in range(8):
        await shop.call("GET", "/api/cart", "guest")
    text = (await shop.call("GET", "/metrics")).text
    assert 'http_requests_total{method="GET",route="/api/products/{product_id}",status="200"} 1.0' in text
    assert 'gateway_fallbacks_total{place="write-model",route="get_cart"} 8.0' in text
    assert 'dependency="query-service",ended="200",number="1"' in text
    assert 'breaker_state{breaker="query-service ' in text
    assert 'outbound_probe_slowest_seconds{dependency="command-service",replica="127.0.0.1:' in text


async def _until(shop: Any, happened: Callable[[Any], Any]) -> Any:
    for _ in range(200):
        found = (await shop.call("GET", "/api/ops/status")).json()
        if happened(found):
            return found
        await asyncio.sleep(0.02)
    raise AssertionError(f"the status never came to it: {found}")


def _state(status: Any, name: str) -> Any:
    return (_service(status, name) or {}).get("state")


def _service(status: Any, name: str) -> Any:
    return next((service for service in status["services"] if service["name"] == name), None)
