"""Shoppers who hang up in the middle of a command and then repeat it twice, at both gateways at once."""

import asyncio
import contextlib
import random
from itertools import cycle
from typing import Any

import pytest

from contract import ADDRESS, Client, Reply, new_key
from holdfast_tools.shop import Shop
from journeys import left, product
from running import EmbeddedShop, assert_audit_is_clean

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

SHOPPERS, AT_ONCE, SEED = 200, 12, 17


async def _hung_up(shopper: Client, url: str, method: str, path: str, body: Any, key: str, after_s: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(after_s):
            await shopper.http.request(method, url + path, json=body, headers=shopper.headers(method, key))


async def _sent(shopper: Client, method: str, path: str, body: Any, key: str) -> Reply:
    """The command's answer, once the same command at the other gateway has ended."""
    while (reply := await shopper.call(method, path, body, key=key)).status == 409:
        assert reply.code == "request-in-progress", reply
        await asyncio.sleep(0.05)
    return reply


async def _three_times(shopper: Client, chance: random.Random, method: str, path: str, body: Any = None) -> Reply:
    """One command with one key: given up after up to 40 ms, then sent to both gateways at once. The later answer."""
    key = new_key()
    url = chance.choice(shopper.urls)
    await _hung_up(shopper, url, method, path, body, key, chance.uniform(0.001, 0.04))
    first, second = await asyncio.gather(*(_sent(shopper, method, path, body, key) for _ in range(2)))
    assert first.status in (200, 201, 202), first
    assert second.status in (200, 201, 202), second
    assert first.body.get("order_id") == second.body.get("order_id")
    assert first.versions.keys() == second.versions.keys()
    return second


async def _shops(shopper: Client, product_id: str, chance: random.Random, cancels: bool) -> None:
    item = {"product_id": product_id, "quantity": 2}
    await _three_times(shopper, chance, "POST", "/api/cart/items", item)
    assert [line["quantity"] for line in (await shopper.get("/api/cart")).body["lines"]] == [2]
    order = {"payment_token": "tok_visa", "shipping_address": ADDRESS}
    order_id = (await _three_times(shopper, chance, "POST", "/api/checkout", order)).body["order_id"]
    if cancels:
        await _three_times(shopper, chance, "POST", f"/api/orders/{order_id}/cancel", {"reason": "too late"})
    orders = (await shopper.get("/api/orders")).body
    assert [each["order_id"] for each in orders["items"]] == [order_id]


async def test_two_hundred_shoppers_who_repeat_everything_buy_once(shop: EmbeddedShop, somebody: Client) -> None:
    chance, places = random.Random(SEED), asyncio.Semaphore(AT_ONCE)
    async with Shop(shop.urls) as owner:
        product_id = await product(owner, 10_000)

        async def one(cancels: bool) -> None:
            async with places:
                await _shops(await somebody.guest(), product_id, chance, cancels)

        every_other = cycle([True, False])
        await asyncio.gather(*(one(next(every_other)) for _ in range(SHOPPERS)))
        assert await left(owner, product_id) == 10_000 - SHOPPERS // 2 * 2
    assert_audit_is_clean(shop)
