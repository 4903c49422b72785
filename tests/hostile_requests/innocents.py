"""What hostile requests must leave alone: others' carts, orders and products, and the shop's protections."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from contract import Client, bought, everything, new_product

_MOVED = re.compile(
    r'^(outbound_attempts_total{.*number="2".*}|breaker_state{.*}|gateway_admission_limit) (\S+)$', re.M
)


@dataclass(frozen=True, slots=True)
class Innocent:
    """A guest with an order and two lines in the cart, and the product that both are of."""

    client: Client
    product_id: str
    order_id: str

    async def belongings(self) -> dict[str, Any]:
        """What is the guest's, and the product in full."""
        paths = ("/api/cart", "/api/orders", f"/api/orders/{self.order_id}", f"/api/products/{self.product_id}")
        return {path: (await self.client.get(path, **{"Cache-Control": "no-cache"})).body for path in paths}

    async def is_served(self) -> None:
        """A search, the own cart and a change of it are answered as on any day."""
        for path in ("/api/products?q=lantern", "/api/cart"):
            reply = await self.client.get(path, **{"Cache-Control": "no-cache"})
            assert "degraded" not in reply.headers, (path, reply.headers)
        item = {"product_id": self.product_id, "quantity": 1}
        await self.client.do("POST", "/api/cart/items", item)
        await self.client.do("PUT", f"/api/cart/items/{self.product_id}", {"quantity": 1})


async def innocent(somebody: Client) -> Innocent:
    product_id = await new_product(somebody)
    client, order_id = await bought(somebody, product_id)
    for line in (product_id, await new_product(somebody)):
        await client.do("POST", "/api/cart/items", {"product_id": line, "quantity": 1})
    return Innocent(client, product_id, order_id)


async def catalogue(somebody: Client) -> dict[str, Any]:
    """Every product listed, by id."""
    items, _ = await everything(somebody, "/api/products?sort=name", 100)
    return {item["product_id"]: item for item in items}


@dataclass(frozen=True, slots=True)
class Protections:
    """What the gateways' protections say. open: breakers that are not closed. repeats: second attempts in all, which
    spend the retry budget. limit: the smallest adaptive limit.
    """

    open: Sequence[str]
    repeats: float
    limit: float


async def protections(http: httpx.AsyncClient, urls: Sequence[str]) -> Protections:
    """The state of all gateways and of everything that they see, together."""
    repeats, limits, opened = 0.0, [], []
    for url in urls:
        status: Mapping[str, Any] = (await http.get(f"{url}/api/ops/status")).json()
        limits.append(status["shedding"]["limit"])
        opened += [
            f"{one['from']} to {one['to']} {one['replica']}"
            for one in status["dependencies"]
            if one["breaker"] != "closed"
        ]
        for series, value in _MOVED.findall((await http.get(f"{url}/metrics")).text):
            if series.startswith("outbound"):
                repeats += float(value)
            elif series.startswith("breaker_state") and float(value) != 0:
                opened.append(series)
    return Protections(opened, repeats, min(limits))
