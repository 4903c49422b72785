"""Many checkouts at once: hot products, one key, and orders going both ways."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from command_service.testing.service import Someone
from command_service.testing.shop import Shop, full_count
from holdfast.eventstore import Transaction

VISA = {"payment_token": "tok_visa"}
_REPEAT = {429, 503, 504}


async def until_answered(someone: Someone, key: str, limit_s: float = 60) -> httpx.Response:
    """Checks out as API.md tells a client to: the same key again after Retry-After."""
    async with asyncio.timeout(limit_s):
        while True:
            answer = await someone.post("/api/checkout", VISA, key=key)
            in_progress = answer.status_code == 409 and answer.json()["code"] == "request-in-progress"
            if answer.status_code not in _REPEAT and not in_progress:
                return answer
            await asyncio.sleep(float(answer.headers.get("retry-after", 1)))


@pytest.mark.timeout(120)
async def test_two_hundred_shoppers_buy_the_last_fifty_pieces(shop_of_two: Shop) -> None:
    shop = shop_of_two
    shoppers, pieces = full_count(120, 200), full_count(30, 50)
    await shop.service.product("mug", available=pieces)
    everyone = [await shop.shopper("mug", replica=number % 2) for number in range(shoppers)]
    answers = await asyncio.gather(*(until_answered(someone, "k") for someone in everyone))
    outcomes = Counter(answer.json().get("status", answer.json().get("code")) for answer in answers)
    sold = pieces - outcomes["awaiting_payment"]
    codes = Counter("out-of-stock" if answer.status_code == 409 else "sold" for answer in answers)
    assert codes == {"sold": pieces, "out-of-stock": shoppers - pieces}, outcomes
    assert outcomes["paid"] == sold
    await shop.settle()
    assert Counter(state["status"] for state in (await shop.order_states()).values()) == {"paid": pieces}
    assert await shop.available("mug") == 0
    assert await shop.deadlocks() == 0
    await shop.require_sound()


async def test_a_hundred_calls_with_one_key_make_one_order_and_hold_nobody_up(shop_of_two: Shop) -> None:
    shop = shop_of_two
    await shop.service.product("mug")
    shopper = await shop.shopper("mug")
    twin = shop.more[0].someone("guest", shopper.subject)
    others = [shop.service.someone() for _ in range(20)]
    calls = [[shopper, twin][number % 2].post("/api/checkout", VISA, key="k") for number in range(100)]
    answers, served = await asyncio.gather(
        asyncio.gather(*calls),
        asyncio.gather(*(fill_after(number * 0.02, other) for number, other in enumerate(others))),
    )
    # On a machine with too much else to do the one at work may run out of time: its repeat says what became of it.
    late = [answer for answer in answers if answer.status_code == 504]
    done = [answer for answer in answers if answer.status_code in {201, 202}] or [await until_answered(shopper, "k")]
    refused = [answer for answer in answers if answer not in done and answer not in late]
    assert len(late) <= 1
    assert {answer.json()["code"] for answer in refused} <= {"request-in-progress"}
    assert all(answer.headers["retry-after"] == "1" for answer in refused)
    assert len({answer.content for answer in done}) == 1
    assert len(await shop.order_states()) == 1
    assert await shop.available("mug") == 99
    # Calls that waited for the one at work would have taken every connection: then nobody was served. A machine with
    # too much to do refuses a few all the same.
    assert served.count(200) >= 15, served
    await shop.settle()
    await shop.require_sound()


async def fill_after(pause_s: float, someone: Someone) -> int:
    await asyncio.sleep(pause_s)
    return (await someone.post("/api/cart/items", {"product_id": "mug", "quantity": 1})).status_code


@pytest.mark.timeout(120)
async def test_checkouts_declines_and_cancellations_of_the_same_products_do_not_deadlock(shop_of_two: Shop) -> None:
    """Carts hold the same products in any order; every lock is taken in one order all the same."""
    shop = shop_of_two
    products = ["lamp", "mug", "bowl", "Mug", "cup"]
    for product in products:
        await shop.service.product(product, available=1_000)
    seeded = random.Random(5)
    everyone = [await shop.shopper(*seeded.sample(products, 4), quantity=3, replica=number % 2) for number in range(24)]

    async def buy(someone: Someone, number: int) -> None:
        token = "tok_declined" if number % 3 == 0 else "tok_visa"
        answer = await someone.post("/api/checkout", {"payment_token": token}, key="k")
        if answer.status_code in {201, 202} and number % 3 == 1:
            await someone.post(
                f"/api/orders/{answer.json()['order_id']}/cancel", {"reason": "changed my mind"}, key="c"
            )

    await asyncio.gather(*(buy(someone, number) for number, someone in enumerate(everyone)))
    await shop.settle()
    assert await shop.deadlocks() == 0
    kept = sum(
        line["quantity"]
        for state in (await shop.order_states()).values()
        if state["status"] in {"paid", "awaiting_payment"}
        for line in state["lines"]
    )
    assert sum([await shop.available(product) for product in products]) == 5_000 - kept
    await shop.require_sound()


async def test_two_checkouts_of_one_cart_with_different_keys_make_one_order(shop_of_two: Shop) -> None:
    shop = shop_of_two
    await shop.service.product("mug")
    shopper = await shop.shopper("mug")
    twin = shop.more[0].someone("guest", shopper.subject)
    answers = await asyncio.gather(until_answered(shopper, "k"), until_answered(twin, "l"))
    assert sorted(answer.json().get("code", "") for answer in answers) == ["", "cart-empty"]
    assert len(await shop.order_states()) == 1


async def test_a_thousand_lines_take_as_many_statements_as_one(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    counted: Counter[str] = Counter()
    for name in ("fetch", "fetchrow", "fetchval", "execute"):
        monkeypatch.setattr(Transaction, name, counting(getattr(Transaction, name), counted))
    small = await statements_of_a_checkout(shop, counted, 1)
    large = await statements_of_a_checkout(shop, counted, 1_000)
    assert small
    assert small == large


async def statements_of_a_checkout(shop: Shop, counted: Counter[str], lines: int) -> Counter[str]:
    shopper = shop.service.someone()
    await shop.stock_and_fill(shopper, [f"p{lines}-{number}" for number in range(lines)])
    counted.clear()
    answer = await shopper.post("/api/checkout", VISA, key="k")
    assert answer.status_code in {201, 202}, answer.text
    return +counted


Statement = Callable[..., Awaitable[Any]]


def counting(method: Statement, counted: Counter[str]) -> Statement:
    async def count(transaction: Transaction, query: str, *args: Any) -> Any:
        counted[query] += query != "SELECT 1"  # the storage's own look once a second
        return await method(transaction, query, *args)

    return count
