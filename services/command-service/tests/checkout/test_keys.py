"""A key belongs to its caller and to one command, whichever commands and streams there are (CORRECTNESS 1)."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any, Final

import httpx
import pytest

from command_service.testing.service import Someone, refused
from command_service.testing.shop import Shop
from holdfast.eventstore.idempotency import slot_of

VISA: Final = {"payment_token": "tok_visa"}
MUG: Final = {"product_id": "mug", "quantity": 1}

Request = tuple[str, str, Any]  # method, path, body
Command = Callable[[Shop, Someone], Awaitable[Request]]
"""Prepares what a command needs, and gives its request."""


async def _add(_shop: Shop, _someone: Someone) -> Request:
    return "POST", "/api/cart/items", MUG


async def _clear(shop: Shop, someone: Someone) -> Request:
    await shop.fill(someone, "mug")
    return "DELETE", "/api/cart", None


async def _check_out(shop: Shop, someone: Someone) -> Request:
    await shop.fill(someone, "mug")
    return "POST", "/api/checkout", VISA


async def _cancel(shop: Shop, someone: Someone) -> Request:
    paid = await send(someone, await _check_out(shop, someone), secrets.token_hex(8))
    return "POST", f"/api/orders/{paid.json()['order_id']}/cancel", {"reason": "only looking"}


async def _register(_shop: Shop, someone: Someone) -> Request:
    body = {"email": f"{someone.subject}@example.org", "password": "correct horse 1", "name": "Ada"}
    return "POST", "/api/customers", body


async def send(someone: Someone, request: Request, key: str) -> httpx.Response:
    method, path, body = request
    return await someone.insist(method, path, key=key, **({} if body is None else {"json": body}))


COMMANDS: Final = (_add, _clear, _check_out, _cancel, _register)


@pytest.mark.parametrize(("first", "second"), [*permutations(COMMANDS, 2), (_cancel, _cancel)])
async def test_a_key_of_one_command_is_refused_for_any_other(shop: Shop, first: Command, second: Command) -> None:
    await shop.service.product("mug", available=1_000)
    guest, other = shop.service.someone(), shop.service.someone()
    answer = await send(guest, await first(shop, guest), "k")
    assert answer.status_code in {200, 201}, answer.text
    request = await second(shop, guest)
    await shop.settle()
    before = await shop.rows("SELECT count(*) AS events FROM events")
    assert refused(await send(guest, request, "k"), 422, "idempotency-key-reused")
    assert await shop.rows("SELECT count(*) AS events FROM events") == before
    assert (await send(other, await second(shop, other), "k")).status_code in {200, 201}  # another caller's is another


async def test_an_administrators_key_is_bound_over_all_products(shop: Shop) -> None:
    await shop.service.product("mug")
    await shop.service.product("jug")
    admin = shop.service.admin()
    change = {"delta": 5, "reason": "found"}
    assert (await admin.post("/api/admin/products/mug/stock", change, key="k")).status_code == 200
    assert refused(await admin.post("/api/admin/products/jug/stock", change, key="k"), 422, "idempotency-key-reused")
    assert (await shop.available("mug"), await shop.available("jug")) == (105, 100)


async def test_one_key_on_two_streams_at_once_has_effect_on_one(shop: Shop) -> None:
    """Both replicas, and no row of either command is there when the other begins."""
    for number in range(20):
        await shop.service.product(f"mug-{number}")
    admins = [shop.service.admin() for _ in range(20)]
    change = {"delta": 5, "reason": "found"}
    replicas = [shop.service, *shop.more]
    answers = await asyncio.gather(*(
        Someone(replicas[number % len(replicas)].client, admins[0].subject, "admin").insist(
            "POST", f"/api/admin/products/mug-{number}/stock", json=change, key="k"
        )
        for number in range(20)
    ))  # fmt: skip
    assert sorted(answer.status_code for answer in answers) == [200] + [422] * 19
    assert sorted([await shop.available(f"mug-{number}") for number in range(20)]) == [100] * 19 + [105]


async def test_an_order_id_in_capitals_is_the_same_command(shop: Shop) -> None:
    await shop.service.product("mug")
    shopper = await shop.shopper("mug")
    order_id = (await shopper.post("/api/checkout", VISA, key="k")).json()["order_id"]
    first = await shopper.post(f"/api/orders/{order_id}/cancel", {"reason": "r"}, key="c")
    again = await shopper.post(f"/api/orders/{order_id.upper()}/cancel", {"reason": "r"}, key="c")
    assert (again.status_code, again.headers["idempotency-replayed"]) == (200, "true")
    assert again.json()["version"] >= first.json()["version"]


async def test_a_declined_checkout_binds_its_key_and_a_refused_one_does_not(shop: Shop) -> None:
    await shop.service.product("mug")
    shopper = await shop.shopper("mug")
    declined = {"payment_token": "tok_declined"}
    assert (await shopper.post("/api/checkout", declined, key="k")).status_code == 402
    assert refused(await shopper.post("/api/cart/items", MUG, key="k"), 422, "idempotency-key-reused")
    empty = shop.service.someone()
    assert refused(await empty.post("/api/checkout", VISA, key="k"), 409, "cart-empty")
    assert (await empty.post("/api/cart/items", MUG, key="k")).status_code == 200


@pytest.mark.parametrize(("age", "replayed"), [(timedelta(hours=23, minutes=59), True), (timedelta(hours=24), False)])
async def test_a_key_is_bound_for_24_hours(shop: Shop, age: timedelta, replayed: bool) -> None:
    await shop.service.product("mug")
    guest = shop.service.someone()
    await guest.post("/api/cart/items", MUG, key="k")
    made = datetime.now(UTC) - age
    await shop.rows("UPDATE idempotency SET slot = $1, created_at = $2 RETURNING 1", slot_of(made), made)
    again = await guest.post("/api/cart/items", MUG, key="k")
    assert ("idempotency-replayed" in again.headers) is replayed
    assert (await guest.get("/api/cart")).json()["lines"][0]["quantity"] == (1 if replayed else 2)
