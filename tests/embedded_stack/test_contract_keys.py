"""Idempotency keys, as docs/API.md has them: each belongs to its caller and to one command."""

import asyncio

import pytest

from contract import Client, new_key, new_product

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

VISA = {"payment_token": "tok_visa"}


async def _add(guest: Client, product_id: str, key: str | None = None, status: int = 200) -> None:
    await guest.do("POST", "/api/cart/items", {"product_id": product_id, "quantity": 1}, status, key=key)


async def test_a_key_of_the_cart_is_refused_for_a_checkout_which_then_did_nothing(somebody: Client) -> None:
    tin = await new_product(somebody, 10)
    guest, key = await somebody.guest(), new_key()
    await _add(guest, tin, key)
    refused = await guest.do("POST", "/api/checkout", VISA, 422, key=key)
    assert refused.code == "idempotency-key-reused"
    assert (await guest.get("/api/orders")).body["total"] == 0
    assert (await guest.get("/api/cart")).body["lines"][0]["quantity"] == 1


async def test_one_key_cancels_one_order(somebody: Client) -> None:
    tin = await new_product(somebody, 10)
    guest, key = await somebody.guest(), new_key()
    orders = []
    for _ in range(2):
        await _add(guest, tin)
        orders.append((await guest.do("POST", "/api/checkout", VISA, 201)).body["order_id"])
    reason = {"reason": "only looking"}
    await guest.do("POST", f"/api/orders/{orders[0]}/cancel", reason, key=key)
    refused = await guest.do("POST", f"/api/orders/{orders[1]}/cancel", reason, 422, key=key)
    assert refused.code == "idempotency-key-reused"
    assert (await guest.get(f"/api/orders/{orders[1]}")).body["status"] == "paid"


async def test_a_key_stays_bound_after_300_further_commands(somebody: Client) -> None:
    tin = await new_product(somebody, 1_000)
    guest, key = await somebody.guest(), new_key()
    await _add(guest, tin, key)
    for number in range(300):
        await guest.do("PUT", f"/api/cart/items/{tin}", {"quantity": 2 + number % 2})
    again = await guest.do("POST", "/api/cart/items", {"product_id": tin, "quantity": 1}, key=key)
    assert again.replayed
    assert (await guest.get("/api/cart")).body["lines"][0]["quantity"] == 3


async def test_a_null_that_is_written_out_is_the_same_checkout(somebody: Client) -> None:
    tin = await new_product(somebody, 10)
    guest, key = await somebody.guest(), new_key()
    await _add(guest, tin)
    first = await guest.do("POST", "/api/checkout", VISA, 201, key=key)
    again = await guest.do("POST", "/api/checkout", VISA | {"shipping_address": None}, 201, key=key)
    assert again.replayed
    assert again.body == first.body


async def test_registering_binds_the_key_for_the_guests_other_commands(somebody: Client) -> None:
    tin = await new_product(somebody, 10)
    guest, key = await somebody.guest(), new_key()
    account = {"email": f"{new_key()}@example.org", "password": "correct horse 1", "name": "Ada"}
    await guest.do("POST", "/api/customers", account, 201, key=key)
    await _add(guest, tin, key, 422)


async def test_every_command_twice_at_both_gateways_happens_once(somebody: Client) -> None:
    tin = await new_product(somebody, 100)
    guest = await somebody.guest()
    keys = [new_key() for _ in range(20)]
    await asyncio.gather(*(_add(guest, tin, key) for key in keys for _ in range(2)))
    assert (await guest.get("/api/cart")).body["lines"][0]["quantity"] == 20
