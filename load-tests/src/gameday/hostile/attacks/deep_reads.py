"""Reads that go far back or wait for what never comes: long streams, deep pages, versions that do not exist."""

from collections.abc import Sequence
from typing import Any, Final

from gameday.hostile.attack import Attack, Call, Client, sent
from gameday.hostile.honest import Honest
from gameday.hostile.long_stream import EVENTS, PRODUCT, long_stream
from gameday.hostile.request import request
from holdfast.contracts.consistency import HEADER
from holdfast.contracts.cursors import encode_cursor

_NEVER: Final = 999_999
"""A version that no stream of these has."""


async def prepare(honest: Honest) -> Call:
    admin = await honest.admin()
    await long_stream(honest, admin)
    order_ids = [item["order_id"] for item in (await honest.ask("GET", "/api/admin/orders", token=admin))["items"]]
    guest = await honest.ask("POST", "/api/sessions", {})

    async def call(client: Client) -> str:
        return await sent(client, _one(client, admin, guest, order_ids))

    return call


def _one(client: Client, admin: str, guest: dict[str, Any], order_ids: Sequence[str]) -> bytes:
    dice, own, token = client.dice, guest["customer_id"], guest["token"]
    match dice.randrange(8):
        case 0 | 1:
            return request("GET", f"/api/admin/streams/product-{PRODUCT}?at_version={EVENTS - 1}", token=admin)
        case 2:
            path = f"/api/admin/streams/product-{PRODUCT}?at_version={dice.randrange(1, EVENTS)}"
            return request("GET", path, token=admin)
        case 3:
            return request("GET", f"/api/admin/streams/product-{PRODUCT}", token=admin)
        case 4:
            return request("GET", "/api/cart", {HEADER: f"cart-{own}@{_NEVER}"}, token=token)
        case 5:
            return request("GET", "/api/products/85123A", {HEADER: f"product-85123A@{_NEVER - dice.randrange(999)}"})
        case 6 if order_ids:
            order_id = dice.choice(order_ids)
            cursor = encode_cursor((2**53,), {"list": "order-history", "order_id": order_id})
            return request("GET", f"/api/orders/{order_id}/history?cursor={cursor}&limit=100", token=admin)
    scope = {"list": "admin-orders", "status": None, "q": None}
    placed_at = f"2030-01-01T00:00:00.{dice.randrange(10**6):06}Z"
    cursor = encode_cursor((placed_at, "ffffffff-ffff-7fff-bfff-ffffffffffff"), scope)
    return request("GET", f"/api/admin/orders?limit=100&cursor={cursor}", token=admin)


ATTACK: Final = Attack(
    "deep-reads",
    "Callers read far back and wait for versions that do not exist",
    f"streams of {EVENTS:,} events at a version (admin's token), histories and lists at deep cursors, reads with "
    f"made-up consistency tokens",
    least=20,
    prepare=prepare,
    clients=100,
)
