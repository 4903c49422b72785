"""Every cell of the matrix in docs/ARCHITECTURE.md: a part is killed, and each journey gets the answer that the design
promises, told truthfully in Served-From, Degraded and Age. Each call is repeated for at most 5 s, until
breakers have opened: within that time it has to get the promised answer once, a refusal within 250 ms. The answers
before that are judged by `make chaos`.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import httpx
import pytest

from contract import ADDRESS, Client, Reply, bought, eventually, new_product, settled
from embedded.part import Refused
from running import EmbeddedShop, assert_audit_is_clean

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

OPEN_WITHIN_S = 5.0
HEALED_WITHIN_S = 30.0  # a JVM starts in between
QUICK_MS = 250.0  # 100 ms on a machine with nothing else to do; here whole suites may run beside it
CARD = {"payment_token": "tok_visa"}
_TELLING = ("served-from", "degraded", "age", "retry-after")

Judge = Callable[[Reply], bool]


def _healthy(reply: Reply) -> bool:
    return reply.status in (200, 201) and "degraded" not in reply.headers


def _stale(reply: Reply) -> bool:
    told = (reply.headers.get("served-from"), reply.headers.get("degraded"))
    return reply.status == 200 and told == ("cache", "read-model-unavailable") and int(reply.headers["age"]) >= 0


def _write_model(reply: Reply) -> bool:
    return reply.status == 200 and reply.headers.get("served-from") == "write-model"


def _lagging(reply: Reply) -> bool:
    return reply.status == 200 and reply.headers.get("degraded") == "projection-lag" and int(reply.headers["age"]) >= 2


def _refused(reply: Reply) -> bool:
    return reply.status == 503 and "retry-after" in reply.headers


def _accepted(reply: Reply) -> bool:
    return reply.status == 202 and reply.body["status"] == "awaiting_payment"


def _lagging_or_healthy(reply: Reply) -> bool:
    return _lagging(reply) or _healthy(reply)


def _paid_or_accepted(reply: Reply) -> bool:
    return _healthy(reply) or _accepted(reply)


NO_READ_MODEL: Mapping[str, Judge] = {
    "list": _stale, "search": _stale, "product": _write_model, "unseen product": _write_model,
    "unseen search": _refused,
    "cart": _write_model, "own orders": _write_model, "order": _write_model, "profile": _write_model,
    "admin orders": _refused,
}  # fmt: skip
NO_PROJECTION: Mapping[str, Judge] = {
    "list": _lagging, "search": _lagging, "product": _lagging, "unseen product": _lagging,
    "unseen search": _lagging, "cart": _write_model, "own orders": _write_model, "order": _write_model,
    "profile": _lagging_or_healthy, "admin orders": _lagging,
}  # fmt: skip
NO_WRITE_MODEL: Mapping[str, Judge] = {
    **dict.fromkeys(
        ("list", "search", "product", "unseen product", "unseen search", "cart", "own orders", "order", "profile",
         "admin orders"),
        _lagging_or_healthy,
    ),
    **dict.fromkeys(
        ("add", "checkout", "cancel", "history", "sign in", "register", "save profile", "stock"), _refused
    ),
}  # fmt: skip
ROWS: Mapping[str, tuple[Sequence[str], Mapping[str, Judge]]] = {
    "one query-service": (("query-1",), {}),
    "one command-service": (("command-1",), {}),
    "one gateway": (("gateway-2",), {}),
    "all query-service": (("query-1", "query-2"), NO_READ_MODEL),
    "elasticsearch": (("elasticsearch",), NO_READ_MODEL),
    "projector": (("projector",), NO_PROJECTION),
    "relay": (("relay",), NO_PROJECTION),
    "kafka": (("kafka",), NO_PROJECTION),
    "all command-service": (("command-1", "command-2"), NO_WRITE_MODEL),
    "postgres": (("postgres",), NO_WRITE_MODEL),
    "payment": (("payment",), {"checkout": _accepted}),
    "settlement": (("settlement",), {"checkout": _paid_or_accepted}),
    "migrations": (("migrations",), {}),
}


@dataclass(slots=True)
class Cast:
    """Who calls: a customer with a cart and an order, a guest who cancels, the admin; the read model knows them all."""

    customer: Client
    regret: Client
    admin: Client
    email: str
    order_id: str
    regretted: str
    product_id: str
    unseen: str

    def calls(self) -> Mapping[str, tuple[Client, str, str, object]]:
        """Each journey as (caller, method, path, body); reads of one's own writes come after these."""
        fresh = str(time.monotonic_ns())
        session = {"email": self.email, "password": "a long enough one"}
        return {
            "guest session": (self.customer.other(), "POST", "/api/sessions", {}),
            "list": (self.customer.other(), "GET", "/api/products", None),
            "search": (self.customer.other(), "GET", "/api/products?q=lantern", None),
            "product": (self.customer.other(), "GET", "/api/products/71053", None),
            "unseen product": (self.customer.other(), "GET", f"/api/products/{self.unseen}", None),
            "unseen search": (self.customer.other(), "GET", f"/api/products?q=heart&min_amount={fresh[-4:]}", None),
            "add": (self.customer, "POST", "/api/cart/items", {"product_id": self.product_id, "quantity": 1}),
            "cart": (self.customer, "GET", "/api/cart", None),
            "checkout": (self.customer, "POST", "/api/checkout", CARD),
            "own orders": (self.customer, "GET", "/api/orders", None),
            "order": (self.customer, "GET", f"/api/orders/{self.order_id}", None),
            "profile": (self.customer, "GET", "/api/profile", None),
            "admin orders": (self.admin, "GET", "/api/admin/orders", None),
            "history": (self.customer, "GET", f"/api/orders/{self.order_id}/history", None),
            "cancel": (self.regret, "POST", f"/api/orders/{self.regretted}/cancel", {"reason": "too many"}),
            "sign in": (self.customer.other(), "POST", "/api/sessions", session),
            "register": (
                self.customer.other(), "POST", "/api/customers",
                {"email": f"{fresh}@shoppers.example", "password": "a long enough one", "name": "Ann Lee"},
            ),
            "save profile": (
                self.customer, "PUT", "/api/profile", {"name": "Ann Lee", "email": self.email, "address": ADDRESS}
            ),
            "stock": (
                self.admin, "POST", f"/api/admin/products/{self.product_id}/stock", {"delta": 1, "reason": "counted"}
            ),
        }  # fmt: skip


async def _cast(somebody: Client) -> Cast:
    product_id, unseen = await new_product(somebody), await new_product(somebody)
    customer = await somebody.customer()
    email = (await customer.get("/api/profile")).body["email"]
    await customer.do("POST", "/api/cart/items", {"product_id": product_id, "quantity": 1})
    order_id = (await customer.call("POST", "/api/checkout", CARD)).body["order_id"]
    await settled(customer, order_id)
    await customer.do("POST", "/api/cart/items", {"product_id": product_id, "quantity": 2})
    regret, regretted = await bought(somebody, product_id)
    cast = Cast(customer, regret, await somebody.admin(), email, order_id, regretted, product_id, unseen)
    for path in (f"/api/products/{unseen}", "/api/cart", "/api/orders", f"/api/orders/{order_id}", "/api/profile"):

        async def projected(path: str = path) -> bool:
            reply = await customer.call("GET", path)
            return reply.headers.get("served-from") == "read-model" and "degraded" not in reply.headers

        await eventually(projected, within_s=60)
    return cast


async def _once(url: str, call: tuple[Client, str, str, object]) -> tuple[Reply, float]:
    """The answer to one call at this gateway, and the milliseconds it took."""
    caller, method, path, body = call
    began = time.perf_counter()
    answer = await caller.http.request(method, url + path, json=body, headers=caller.headers(method))
    took_ms = 1000 * (time.perf_counter() - began)
    reply = Reply(answer.status_code, answer.json() if answer.content else None, answer.headers)
    caller.seen |= reply.versions
    return reply, took_ms


async def _eventually(attempt: Callable[[], Awaitable[str]], within_s: float) -> str:
    """ "" once `attempt` gives that, else the last that it gave."""
    ends_at = time.monotonic() + within_s
    while True:
        wrong = await attempt()
        if not wrong or time.monotonic() > ends_at:
            return wrong
        await asyncio.sleep(0.1)


async def _shown(url: str, cast: Cast, name: str, judge: Judge) -> str:
    """ "" when this journey's answer is the promised one, else what it was."""
    try:
        reply, took_ms = await _once(url, cast.calls()[name])
    except httpx.TransportError as error:
        return f"{name}: {error!r}"
    if name == "checkout" and reply.status in (201, 202):
        cast.order_id = reply.body["order_id"]  # read from here on
    told = {
        key: reply.headers[key] for key in ("served-from", "degraded", "age", "retry-after") if key in reply.headers
    }
    if not judge(reply):
        return f"{name}: {reply.status} {told} is not {judge.__name__.strip('_')}: {reply.body}"
    if judge is _refused and took_ms > QUICK_MS:
        return f"{name}: refused only after {took_ms:.0f} ms"
    return ""


@pytest.mark.parametrize("row", ROWS)
async def test_a_killed_part_takes_away_only_what_the_matrix_says(
    shop: EmbeddedShop, somebody: Client, row: str
) -> None:
    parts, promised = ROWS[row]
    cast = await _cast(somebody)
    url = shop.urls[0]
    for name in ("list", "search", "product"):
        for gateway in shop.urls:
            await _once(gateway, cast.calls()[name])
    for part in parts:
        shop.kill(part)
    try:
        wrong = []
        for name in cast.calls():
            judge = promised.get(name, _healthy)

            async def attempt(name: str = name, judge: Judge = judge) -> str:
                return await _shown(url, cast, name, judge)

            wrong.append(await _eventually(attempt, 0.0 if not promised else OPEN_WITHIN_S))
        assert not any(wrong), "\n".join(filter(None, wrong))
    finally:
        for part in parts:
            with suppress(Refused):
                shop.start(part)
    fresh = await _cast(somebody)  # what was bought or cancelled meanwhile is made anew
    for name in fresh.calls():

        async def again(name: str = name) -> str:
            return await _shown(url, fresh, name, _healthy)

        wrong_after = await _eventually(again, HEALED_WITHIN_S)
        assert not wrong_after, f"after {row} is back: {wrong_after}"


def test_nothing_was_lost_meanwhile(shop: EmbeddedShop) -> None:
    assert_audit_is_clean(shop)
