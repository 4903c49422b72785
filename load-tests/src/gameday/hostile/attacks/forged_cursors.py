"""Cursors that no list ever gave, with the right fingerprint: cursors are not signed, so anybody can make one."""

import base64
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

import orjson

from gameday.hostile.attack import Attack, Call, Client, sent
from gameday.hostile.honest import Honest
from gameday.hostile.request import request
from holdfast.contracts.cursors import encode_cursor

VALUES: Final[Sequence[Any]] = (
    "x", "", "0", "-1", "1e400", "null", "9999-99-99T99:99:99Z", "2026-01-01T00:00:00.000000000Z", "+2026-01-01", "now",
    "T" * 400, "9" * 10_000, "\x00", "\u202e", "{}", 0, -1, 2**31, 2**53, -(2**53), 2**63 - 1, 0.1, 1e308, -1e308, True,
    None, [], [1, [2, [3]]], {}, {"gte": 0}, "00000000-0000-7000-8000-000000000000", "85123A",
)  # fmt: skip
"""Sort values of every wrong type and of the right type far out of range."""


ORDER: Final = "00000000-0000-7000-8000-000000000000"


@dataclass(frozen=True, slots=True)
class List:
    """One list in one order: its path, the query that asks for it, and what its cursors are bound to."""

    path: str
    query: Mapping[str, str]
    scope: Mapping[str, object]
    token: str = ""


def products(sort: str, q: str | None = None) -> List:
    query = {"sort": sort} | ({"q": q} if q else {})
    scope = {
        "list": "products", "q": q, "category": None, "min_amount": None, "max_amount": None, "in_stock": False,
        "sort": sort,
    }  # fmt: skip
    return List("/api/products", query, scope)


def lists(guest: str, admin: str) -> Sequence[List]:
    """Every list of the public API in every order."""
    return [
        *(products(sort, q) for sort in ("relevance", "price", "-price", "name", "newest") for q in (None, "lantern")),
        List("/api/products/85123A/recommendations", {}, {"list": "recommendations"}),
        *(List("/api/orders", {"status": status} if status else {}, {"list": "orders", "status": status}, guest)
          for status in (None, "paid", "cancelled")),
        List(f"/api/orders/{ORDER}/history", {}, {"list": "order-history", "order_id": ORDER}, guest),
        List("/api/admin/orders", {}, {"list": "admin-orders", "status": None, "q": None}, admin),
        List("/api/admin/customers", {}, {"list": "admin-customers", "q": None}, admin),
    ]  # fmt: skip


def forge(scope: Mapping[str, object], dice: random.Random) -> str:
    """A cursor for that list: the right fingerprint around wrong values, and now and then a damaged one."""
    at = [dice.choice(VALUES) for _ in range(dice.choice((2, 2, 2, 2, 0, 1, 3, 50)))]
    cursor = encode_cursor(at, scope)
    match dice.randrange(12):
        case 0:
            return cursor[:-3]
        case 1:
            body = orjson.dumps({"at": {"x": at}, "of": ["x"], "more": "x" * 1_000})
            return base64.urlsafe_b64encode(body).decode()
        case _:
            return cursor


async def prepare(honest: Honest) -> Call:
    every = lists(await honest.guest(), await honest.admin())

    async def call(client: Client) -> str:
        one = client.dice.choice(every)
        query = urlencode({**one.query, "cursor": forge(one.scope, client.dice)})
        return await sent(client, request("GET", f"{one.path}?{query}", token=one.token))

    return call


ATTACK: Final = Attack(
    "forged-cursors",
    "Callers ask for pages with cursors that they made up",
    "cursors of every list and order with the right fingerprint around values of wrong types and ranges",
    least=18,
    prepare=prepare,
)
