"""Over its limit the gateway sheds the least important calls, early, and says so."""

import asyncio
import time
from collections import Counter
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest
from httpx_aiohttp import AiohttpTransport

from gateway.http.service_places import BUSY_NEWCOMERS, NEWCOMERS


@pytest.fixture
async def shop(stack: AsyncExitStack, kit: Any) -> Any:
    return await kit.open_shop(stack, calls_at_once=20)


@pytest.fixture
async def crowd(stack: AsyncExitStack, shop: Any) -> httpx.AsyncClient:
    """A client that may hold more connections than the gateway takes calls, which httpx's own pool is too slow for."""
    transport = AiohttpTransport(limits=httpx.Limits(max_connections=400))
    client = httpx.AsyncClient(base_url=shop.http.base_url, timeout=5, transport=transport, trust_env=False)
    return await stack.enter_async_context(client)


async def test_a_flood_of_browsing_is_shed_and_leaves_carts_checkouts_and_operations_served(
    shop: Any, crowd: httpx.AsyncClient, kit: Any
) -> None:
    shop.query.then_hang(0.2)
    shop.command.then(201, {"order_id": kit.ORDER_ID})
    headers = {"Authorization": f"Bearer {kit.token()}"}
    flood = [asyncio.create_task(crowd.get(f"/api/products?q={n}", headers=headers)) for n in range(100)]
    await asyncio.sleep(0.1)
    for number in range(5):
        key = {"Idempotency-Key": f"key-{number}"}
        bought = await crowd.post("/api/checkout", json={"payment_token": "tok_visa"}, headers=headers | key)
        put = await crowd.post("/api/cart/items", json={"product_id": "A", "quantity": 1}, headers=headers)
        assert (bought.status_code, put.status_code) == (201, 201)
    shedding = (await crowd.get("/api/ops/status")).json()["shedding"]
    assert shedding["limit"] == 20
    assert shedding["shed"]["browse"] > 40
    assert shedding["shed"]["checkout"] == shedding["shed"]["cart"] == 0
    answers = await asyncio.gather(*flood)
    codes = Counter(answer.status_code if answer.status_code == 200 else answer.json()["code"] for answer in answers)
    assert codes["overloaded"] > 40, codes
    shed = next(answer for answer in answers if answer.status_code == 503 and answer.json()["code"] == "overloaded")
    assert 1 <= int(shed.headers["retry-after"]) <= 5
    metrics = (await crowd.get("/metrics")).text
    assert 'gateway_shed_total{priority="browse"}' in metrics
    assert "gateway_admission_limit " in metrics


async def test_a_read_that_is_shed_gets_the_last_good_answer_if_there_is_one(
    shop: Any, crowd: httpx.AsyncClient, kit: Any
) -> None:
    crowd.headers["Authorization"] = f"Bearer {kit.token()}"
    shop.query.then(200, {"items": [], "next_cursor": None, "total": 0})
    assert (await crowd.get("/api/products?q=known")).status_code == 200
    shop.query.then_hang(0.5)
    flood = [asyncio.create_task(crowd.get("/api/products", params={"q": str(n)})) for n in range(40)]
    await asyncio.sleep(0.1)
    fresh = await crowd.get("/api/products?q=known")
    assert (fresh.status_code, fresh.headers["served-from"]) == (200, "cache")
    assert "degraded" not in fresh.headers
    assert int(fresh.headers["age"]) <= 2
    for shed in (
        await crowd.get("/api/products?q=unknown"),
        await crowd.get("/api/products?q=known", headers={"Cache-Control": "no-cache"}),
    ):
        assert (shed.status_code, shed.json()["code"]) == (503, "overloaded")
    await asyncio.gather(*flood)


async def test_calls_without_a_token_are_shed_first(shop: Any, crowd: httpx.AsyncClient, kit: Any) -> None:
    shop.query.then_hang(0.3)
    headers = {"Authorization": f"Bearer {kit.token()}"}
    busy = [asyncio.create_task(crowd.get(f"/api/products?q={n}", headers=headers)) for n in range(8)]
    await asyncio.sleep(0.05)  # of 20 places 8 are taken, more than calls without a token may fill
    anonymous = await crowd.get("/api/products?q=other")
    assert (anonymous.status_code, anonymous.json()["code"]) == (503, "overloaded")
    shop.query.then(200, {"items": [], "next_cursor": None, "total": 0})
    assert (await crowd.get("/api/products?q=mine", headers=headers)).status_code == 200
    await asyncio.gather(*busy)
    shed = (await crowd.get("/api/ops/status")).json()["shedding"]["shed"]
    assert (shed["anonymous"], shed["browse"]) == (1, 0)


@pytest.mark.timing("an answer within 0.2 s beside a flood")
async def test_a_flood_without_a_token_leaves_the_services_to_callers_with_one(stack: AsyncExitStack, kit: Any) -> None:
    shop = await kit.open_shop(stack)
    shop.query.then_hang(0.2)
    flood = [asyncio.create_task(shop.call("GET", f"/api/products?q={n}")) for n in range(30)]
    await asyncio.sleep(0.1)
    assert len(shop.query.received) <= 8  # four at once
    shop.query.then(200, {"items": [], "next_cursor": None, "total": 0})
    begun = time.perf_counter()
    assert (await shop.call("GET", "/api/products?q=mine", "guest")).status_code == 200
    assert time.perf_counter() - begun < 0.2
    answers = await asyncio.gather(*flood)
    refused = [answer for answer in answers if answer.status_code == 503]
    assert refused
    assert all("retry-after" in answer.headers for answer in refused)


@pytest.mark.timing("a refusal within 50 ms")
async def test_what_is_shed_is_answered_before_its_body_has_come(shop: Any, kit: Any) -> None:
    shop.command.then_hang(1)
    host, port = shop.http.base_url.host, shop.http.base_url.port

    def head(number: int) -> bytes:
        token = kit.token("customer", f"ann-{number}")
        return (
            f"POST /api/cart/items HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
            "Content-Type: application/json\r\nContent-Length: 33\r\n\r\n"
        ).encode()

    *waiting, (reader, writer) = [await asyncio.open_connection(host, port) for _ in range(35)]
    for number, (_, other) in enumerate(waiting):  # nine tenths of 20 and the queue
        other.write(head(number) + b'{"product_id":"A", "quantity": 1}')
    await asyncio.sleep(0.02)
    begun = time.perf_counter()
    writer.write(head(34) + b"{")
    status = await reader.readline()
    assert status.startswith(b"HTTP/1.1 503")
    assert time.perf_counter() - begun < 0.05
    for _, other in [*waiting, (reader, writer)]:
        other.close()


@pytest.mark.timing("an answer within 0.2 s beside four that wait")
async def test_the_guests_of_one_address_share_four_places_and_customers_need_none(
    stack: AsyncExitStack, kit: Any
) -> None:
    shop = await kit.open_shop(stack)
    shop.query.then_hang(0.2)  # less than an attempt may take, or it would be repeated
    guests = [kit.token("guest", f"0193f0a0-0000-7000-8000-{number:012}") for number in range(12)]
    flood = await _flood_of_carts(shop, guests)
    assert len(shop.query.received) == 4
    shop.query.then(200, {"items": []})
    begun = time.perf_counter()
    assert (await shop.call("GET", "/api/orders", "customer")).status_code == 200
    assert time.perf_counter() - begun < 0.2
    assert {answer.status_code for answer in await asyncio.gather(*flood)} == {200}  # the others have waited


@pytest.mark.timing("an answer within 150 ms beside those that wait")
async def test_new_guests_share_few_places_whatever_their_address(stack: AsyncExitStack, kit: Any) -> None:
    shop = await kit.open_shop(stack, guests_at_once=100, newcomers_share=10)
    sessions = [(await shop.call("POST", "/api/sessions", json={})).json()["token"] for _ in range(30)]
    shop.query.then_hang(0.2)
    flood = await _flood_of_carts(shop, sessions)
    assert len(shop.query.received) == NEWCOMERS.limit + BUSY_NEWCOMERS.limit
    shop.query.then(200, {"items": []})
    begun = time.perf_counter()
    assert (await shop.call("GET", "/api/orders", "guest")).status_code == 200  # a guest of a minute ago
    assert time.perf_counter() - begun < 0.15
    await asyncio.gather(*flood)


async def _flood_of_carts(shop: Any, tokens: list[str]) -> list[asyncio.Task[httpx.Response]]:
    """A cart view of each token at once, some of which have reached the service."""
    flood = [
        asyncio.create_task(shop.call("GET", "/api/cart", headers={"Authorization": f"Bearer {token}"}))
        for token in tokens
    ]
    async with asyncio.timeout(5):
        while not shop.query.received:  # noqa: ASYNC110  # seen from the service's side
            await asyncio.sleep(0.005)
    await asyncio.sleep(0.05)
    return flood
