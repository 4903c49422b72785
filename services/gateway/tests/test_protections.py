"""What the gateway does without each of its own protections, and how it switches those of the whole shop."""

import asyncio
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from gateway.ops import OpsStatus
from gateway.switches import OpsProtections
from holdfast.resilience.protections import ALL, PROTECTIONS
from holdfast.testing.credentials import AsService

SwitchOff = Callable[..., None]
BY_GATEWAY = {"/api/ops/protections": None, "/protections": AsService("gateway", "gateway")}
CART = {"cart_id": "c", "lines": [], "total_amount": 0, "currency": "GBP", "version": 0}


def told(replica: str, *off: str) -> dict[str, object]:
    return {"service": "query-service", "replica": replica, "off": list(off)}


async def test_without_rate_limits_nobody_is_refused_or_told_of_one(
    stack: AsyncExitStack, kit: Any, switch_off: SwitchOff
) -> None:
    shop = await kit.open_shop(stack, rate_per_s=0.01, rate_burst=2)
    assert [(await shop.call("GET", "/api/cart", "guest")).status_code for _ in range(3)] == [200, 200, 429]
    switch_off("rate-limit")
    answer = await shop.call("GET", "/api/cart", "guest")
    assert (answer.status_code, "ratelimit" in answer.headers) == (200, False)
    switch_off()
    assert (await shop.call("GET", "/api/cart", "guest")).status_code == 429


async def test_without_the_cache_a_failing_catalogue_is_a_failure(shop: Any, switch_off: SwitchOff) -> None:
    shop.query.then(200, {"items": []})
    assert (await shop.call("GET", "/api/products")).status_code == 200
    shop.query.then_problem(503, "dependency-unavailable")
    assert (await shop.call("GET", "/api/products")).headers["served-from"] == "cache"
    switch_off("cache")
    assert (await shop.call("GET", "/api/products")).status_code == 503
    switch_off()  # on again it knows nothing of before
    assert (await shop.call("GET", "/api/products")).status_code == 503


async def test_without_the_fallback_the_write_model_is_not_asked(shop: Any, kit: Any, switch_off: SwitchOff) -> None:
    shop.query.then_problem(503, "dependency-unavailable")
    shop.command.then(200, CART)
    switch_off("fallback")
    assert (await shop.call("GET", "/api/cart", "guest")).status_code == 503
    shop.query.then_problem(425, "read-model-behind")
    behind = await shop.call("GET", "/api/cart", "guest", headers={"Consistency-Token": f"cart-{kit.GUEST_ID}@4"})
    assert (behind.status_code, len(shop.command.received)) == (503, 0)
    switch_off()
    assert (await shop.call("GET", "/api/cart", "guest")).headers["served-from"] == "write-model"


async def test_without_a_deadline_a_read_waits_for_each_of_its_attempts(shop: Any, switch_off: SwitchOff) -> None:
    shop.query.then_hang()
    took = []
    for off in ((), ("deadline",)):
        switch_off("retry-budget", "breaker", "fallback", *off)
        began = time.monotonic()
        headers = {"Consistency-Token": "product-A@4"}  # its attempts have 450 ms each
        assert (await shop.call("GET", "/api/products/A", headers=headers)).status_code in (503, 504)
        took.append(time.monotonic() - began)
    assert took[0] < 1.0
    assert took[1] > 1.35
    assert "x-request-timeout-ms" not in shop.query.last.headers


@pytest.mark.timing("one limit of 1 s for all processes")
async def test_one_call_switches_every_process_and_names_those_it_could_not_reach(
    stack: AsyncExitStack, kit: Any
) -> None:
    good, hanging, odd, dead = [await kit.start_standin(stack) for _ in range(4)]
    good.then(200, told("query-1", "breaker"))
    hanging.then_hang()
    odd.then(200, b"[]")
    await dead.stop()
    names = ("query-1", "query-2", "projector", "relay")
    urls = [f"{name}={one.url}" for name, one in zip(names, (good, hanging, odd, dead), strict=True)]
    shop = await kit.open_shop(stack, status_urls=",".join(urls), status_interval_s=60, replica="gateway-1")
    began = time.monotonic()
    admin = {"Authorization": f"Bearer {kit.token('admin')}"}
    answer = await shop.http.put("/api/ops/protections", json={"off": ["breaker"]}, headers=admin)
    assert time.monotonic() - began < 1.4
    OpsProtections.model_validate(answer.json())
    assert answer.json()["processes"] == [
        {"name": "query-1", "replica": "query-1", "off": ["breaker"]},
        {"name": "gateway", "replica": "gateway-1", "off": ["breaker"]},
    ]
    assert [one["name"] for one in answer.json()["unreached"]] == ["query-2", "projector", "relay"]
    assert PROTECTIONS.off == ["breaker"]
    sent = next(one for one in good.received if one.path == "/protections")
    assert (sent.method, sent.body) == ("PUT", b'{"off":["breaker"]}')
    assert sent.headers["authorization"] == admin["Authorization"]


async def test_what_is_off_is_seen_by_all_and_in_the_status(
    stack: AsyncExitStack, kit: Any, switch_off: SwitchOff
) -> None:
    query = await kit.start_standin(stack)
    status = {"service": "query-service", "replica": "query-1", "state": "up", "protections_off": ["probe"]}
    query.then(200, status | {"off": ["probe"]})
    shop = await kit.open_shop(stack, status_urls=f"query-1={query.url}", status_interval_s=0.05, replica="gateway-1")
    switch_off("cache")
    shown = (await shop.call("GET", "/api/ops/protections")).json()
    assert {one["replica"]: one["off"] for one in shown["processes"]} == {"query-1": ["probe"], "gateway-1": ["cache"]}
    await asyncio.sleep(0.3)
    found = (await shop.call("GET", "/api/ops/status")).json()
    OpsStatus.model_validate(found)
    off = {one["name"]: one["protections_off"] for one in found["services"]}
    assert off == {"query-1": ["probe"], "gateway": ["cache"]}
    await query.stop()
    await asyncio.sleep(0.3)
    found = (await shop.call("GET", "/api/ops/status")).json()
    assert found["services"][0]["protections_off"] is None  # nobody knows


@pytest.mark.parametrize(("role", "status"), [(None, 401), ("guest", 403), ("customer", 403)])
@pytest.mark.parametrize("path", ["/api/ops/protections", "/protections"])
async def test_only_an_administrator_switches(shop: Any, role: Any, status: int, path: str) -> None:
    answer = await shop.call("PUT", path, role, json={"containment": "off"}, auth=BY_GATEWAY[path])
    assert answer.status_code == status
    assert PROTECTIONS.off == []


async def test_only_the_gateway_switches_a_process(shop: Any) -> None:
    body = {"containment": "off"}
    assert (await shop.call("PUT", "/protections", "admin", json=body)).status_code == 401
    tools = AsService("tools", "gateway")
    assert (await shop.call("PUT", "/protections", "admin", json=body, auth=tools)).status_code == 403
    assert PROTECTIONS.off == []


@pytest.mark.parametrize(
    "body", [{}, {"off": ["everything"]}, {"off": [], "containment": "on"}, {"off": ["breaker"] * 10}]
)
async def test_a_wish_that_is_none_switches_nothing_anywhere(stack: AsyncExitStack, kit: Any, body: object) -> None:
    query = await kit.start_standin(stack)
    shop = await kit.open_shop(stack, status_urls=f"query-1={query.url}", status_interval_s=60)
    refused = await shop.call("PUT", "/api/ops/protections", "admin", json=body)
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid")
    assert (PROTECTIONS.off, [one for one in query.received if one.method == "PUT"]) == ([], [])


@pytest.mark.parametrize("path", ["/api/ops/protections", "/protections"])
async def test_in_production_nothing_is_switched(stack: AsyncExitStack, kit: Any, path: str) -> None:
    shop = await kit.open_shop(stack, mode="production")
    auth = BY_GATEWAY[path]
    assert (await shop.call("GET", path, "admin", auth=auth)).status_code == 404
    assert (await shop.call("PUT", path, "admin", json={"containment": "off"}, auth=auth)).status_code == 404
    assert PROTECTIONS.off == []


async def test_a_gateway_switches_itself_over_its_own_port_too(stack: AsyncExitStack, kit: Any, shop: Any) -> None:
    both = await kit.open_shop(stack, status_urls=f"gateway-2={shop.http.base_url}".rstrip("/"), status_interval_s=60)
    answer = await both.call("PUT", "/api/ops/protections", "admin", json={"containment": "off"})
    assert [one["off"] for one in answer.json()["processes"]] == [list(ALL)]  # one replica name here: listed once
    assert answer.json()["unreached"] == []
