"""A query-service that is slow, all of it: who can be answered from another place is, soon (ADR 17)."""

import asyncio
import time
from collections.abc import Awaitable
from typing import Any

import httpx

CART = {"cart_id": "c", "lines": [], "total_amount": 0, "currency": "GBP", "version": 0}
SLOW_S = 0.15  # within the limit of a probe and of an attempt
SOON_S = 0.1
PROBES_S = 0.8  # until the first slow probe is answered, whenever it began


async def _becomes_slow(*services: Any) -> None:
    for service in services:
        service.healthy_after_s = 0.08
    await asyncio.sleep(PROBES_S)


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
    await _becomes_slow(shop.query)
    answer, took_s = await _timed(shop.call("GET", "/api/cart", "guest"))
    assert (answer.status_code, answer.headers["served-from"]) == (200, "write-model")
    assert answer.headers["degraded"] == "read-model-unavailable"
    assert took_s < SOON_S


async def test_a_write_model_that_is_slow_too_is_not_asked(shop: Any, kit: Any) -> None:
    _answers_slowly(shop.query, kit, CART)
    await _becomes_slow(shop.query, shop.command)
    answer, took_s = await _timed(shop.call("GET", "/api/cart", "guest"))
    assert (answer.status_code, answer.headers["served-from"]) == (200, "read-model")
    assert took_s >= SLOW_S
    assert not shop.command.received


async def test_a_write_model_that_fails_leaves_time_for_the_read_model(shop: Any, kit: Any) -> None:
    _answers_slowly(shop.query, kit, CART)
    shop.command.then_problem(503, "dependency-unavailable")  # as without PostgreSQL, while its process is well
    await _becomes_slow(shop.query)
    answer = await shop.call("GET", "/api/cart", "guest")
    assert (answer.status_code, answer.headers["served-from"]) == (200, "read-model")
    assert "degraded" not in answer.headers


async def test_a_page_is_the_last_good_one_and_the_next_caller_has_the_new_one(shop: Any, kit: Any) -> None:
    await _keep_a_page(shop)
    _answers_slowly(shop.query, kit, {"version": 2})
    await _becomes_slow(shop.query)
    answer, took_s = await _timed(shop.call("GET", "/api/products?q=mug"))
    assert (answer.json(), answer.headers["degraded"]) == ({"version": 1}, "read-model-unavailable")
    assert took_s < SOON_S
    await asyncio.sleep(SLOW_S)
    answer, took_s = await _timed(shop.call("GET", "/api/products?q=mug"))
    assert (answer.json(), "degraded" in answer.headers) == ({"version": 2}, False)
    assert took_s < SOON_S


async def test_who_has_no_other_place_waits(shop: Any, kit: Any) -> None:
    _answers_slowly(shop.query, kit, {"version": 1})
    await _becomes_slow(shop.query)
    answer, took_s = await _timed(shop.call("GET", "/api/products?q=mug"))
    assert (answer.status_code, answer.json()) == (200, {"version": 1})
    assert took_s >= SLOW_S


async def test_who_asks_past_the_cache_waits(shop: Any, kit: Any) -> None:
    await _keep_a_page(shop)
    _answers_slowly(shop.query, kit, {"version": 2})
    await _becomes_slow(shop.query)
    answer = await shop.call("GET", "/api/products?q=mug", headers={"Cache-Control": "no-cache"})
    assert answer.json() == {"version": 2}


async def test_a_slow_call_to_a_quick_service_is_waited_for(shop: Any, kit: Any) -> None:
    _answers_slowly(shop.query, kit, CART)
    await asyncio.sleep(PROBES_S)
    answer = await shop.call("GET", "/api/cart", "guest")
    assert answer.headers["served-from"] == "read-model"


async def test_hurrying_opens_no_breaker(shop: Any, kit: Any) -> None:
    _answers_slowly(shop.query, kit, CART)
    shop.command.then(200, CART)
    await _becomes_slow(shop.query)
    for _ in range(8):
        await shop.call("GET", "/api/cart", "guest")
    shop.query.healthy_after_s = 0.0
    shop.query.then(200, CART, Served_From="read-model")
    await asyncio.sleep(4)  # until no slow probe is remembered
    answer = await shop.call("GET", "/api/cart", "guest")
    assert answer.headers["served-from"] == "read-model"
