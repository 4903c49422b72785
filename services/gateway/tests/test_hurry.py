"""A query-service that is slow, all of it: who can be answered from another place is, soon (ADR 17)."""

import asyncio
import re
import time
from collections.abc import Awaitable
from typing import Any

import httpx

from gateway.forwarding import SLOW_PACE_S

CART = {"cart_id": "c", "lines": [], "total_amount": 0, "currency": "GBP", "version": 0}
SLOW_S = 0.15  # within the limit of a probe and of an attempt
SOON_S = 0.1
PACE = re.compile(r'^outbound_probe_slowest_seconds{dependency="([a-z-]+)",.*} (\S+)$', re.MULTILINE)


async def _paces(shop: Any) -> dict[str, float]:
    """The slowest of the latest probes of each service, seconds."""
    told = (await shop.http.get("/metrics")).text
    return {dependency: float(seconds) for dependency, seconds in PACE.findall(told)}


async def _until_paces(shop: Any, *, slow: set[str]) -> None:
    async with asyncio.timeout(8):
        while {name for name, pace_s in (await _paces(shop)).items() if pace_s >= SLOW_PACE_S} != slow:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def _becomes_slow(shop: Any, *, command: bool = False) -> None:
    shop.query.healthy_after_s = 0.08
    shop.command.healthy_after_s = 0.08 if command else 0.0
    await _until_paces(shop, slow={"query-service", "command-service"} if command else {"query-service"})


def _answers_slowly(service: Any, kit: Any, body: object) -> None:
    async def slowly(_request: Any) -> Any:
        await asyncio.sleep(SLOW_S)
        return kit.answer(body, {"Served-From": "read-model"})

    service.then_do(slowly)


async def _timed(call: Awaitable[httpx.Response]) -> tuple[httpx.Response, float]:
    began = time.monotonic()
    return await call, time.monotonic() - began


async def _keep_a_page(shop: Any) -> None:
    """One that is not given again while there is a better one to be had."""
    shop.query.then(200, {"version": 1}, Degraded="projection-lag", Age="4")
    await shop.call("GET", "/api/products?q=mug")


async def test_a_cart_comes_from_the_write_model(shop: Any, kit: Any) -> None:
    _answers_slowly(shop.query, kit, CART)
    shop.command.then(200, CART)
    await _becomes_slow(shop)
    answer, took_s = await _timed(shop.call("GET", "/api/cart", "guest"))
    assert (answer.status_code, answer.headers["served-from"]) == (200, "write-model")
    assert answer.headers["degraded"] == "read-model-unavailable"
    assert took_s < SOON_S


async def test_a_write_model_that_is_slow_too_is_not_asked(shop: Any, kit: Any) -> None:
    _answers_slowly(shop.query, kit, CART)
    await _becomes_slow(shop, command=True)
    answer, took_s = await _timed(shop.call("GET", "/api/cart", "guest"))
    assert (answer.status_code, answer.headers["served-from"]) == (200, "read-model")
    assert took_s >= SLOW_S
    assert not shop.command.received


async def test_a_write_model_that_fails_leaves_time_for_the_read_model(shop: Any, kit: Any) -> None:
    _answers_slowly(shop.query, kit, CART)
    shop.command.then_problem(503, "dependency-unavailable")  # as without PostgreSQL, while its process is well
    await _becomes_slow(shop)
    answer = await shop.call("GET", "/api/cart", "guest")
    assert (answer.status_code, answer.headers["served-from"]) == (200, "read-model")
    assert "degraded" not in answer.headers


async def test_a_page_is_the_last_good_one_and_the_next_caller_has_the_new_one(shop: Any, kit: Any) -> None:
    await _keep_a_page(shop)
    _answers_slowly(shop.query, kit, {"version": 2})
    await _becomes_slow(shop)
    answer, took_s = await _timed(shop.call("GET", "/api/products?q=mug"))
    assert (answer.json(), answer.headers["degraded"]) == ({"version": 1}, "read-model-unavailable")
    assert took_s < SOON_S
    await asyncio.sleep(SLOW_S)
    answer, took_s = await _timed(shop.call("GET", "/api/products?q=mug"))
    assert (answer.json(), "degraded" in answer.headers) == ({"version": 2}, False)
    assert took_s < SOON_S


async def test_who_has_no_other_place_waits(shop: Any, kit: Any) -> None:
    _answers_slowly(shop.query, kit, {"version": 1})
    await _becomes_slow(shop)
    answer, took_s = await _timed(shop.call("GET", "/api/products?q=mug"))
    assert (answer.status_code, answer.json()) == (200, {"version": 1})
    assert took_s >= SLOW_S


async def test_who_asks_past_the_cache_waits(shop: Any, kit: Any) -> None:
    await _keep_a_page(shop)
    _answers_slowly(shop.query, kit, {"version": 2})
    await _becomes_slow(shop)
    answer = await shop.call("GET", "/api/products?q=mug", headers={"Cache-Control": "no-cache"})
    assert answer.json() == {"version": 2}


async def test_a_slow_call_to_a_quick_service_is_waited_for(shop: Any, kit: Any) -> None:
    _answers_slowly(shop.query, kit, CART)
    answer = await shop.call("GET", "/api/cart", "guest")
    assert answer.headers["served-from"] == "read-model"


async def test_hurrying_opens_no_breaker(shop: Any, kit: Any) -> None:
    _answers_slowly(shop.query, kit, CART)
    shop.command.then(200, CART)
    await _becomes_slow(shop)
    for _ in range(8):
        await shop.call("GET", "/api/cart", "guest")
    shop.query.healthy_after_s = 0.0
    shop.query.then(200, CART, Served_From="read-model")
    await _until_paces(shop, slow=set())
    answer = await shop.call("GET", "/api/cart", "guest")
    assert answer.headers["served-from"] == "read-model"


async def test_with_nobody_to_wait_for_the_write_model_is_asked_once(shop: Any) -> None:
    await shop.query.stop()
    shop.command.then_problem(503, "dependency-unavailable")
    await asyncio.sleep(1.5)  # until three missed probes have opened the breaker
    answer = await shop.call("GET", "/api/cart", "guest")
    assert answer.status_code == 503
    assert len(shop.command.received) == 1
