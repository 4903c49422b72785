"""A client of the API written from docs/API.md alone. Every answer is held to the rules that all answers keep."""

import asyncio
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import cycle
from typing import Any
from urllib.parse import quote

import httpx

ADDRESS = {"name": "Ann Lee", "line1": "1 High Street", "city": "Leeds", "postcode": "LS1 1AA", "country": "GB"}
ADMIN = {"email": "admin@holdfast.example", "password": "holdfast-admin"}
PASSWORD = "a long enough one"
UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
STREAM = rf"(?:(?:cart|order|customer)-{UUID}|product-[A-Za-z0-9._-]{{1,40}})"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
_MAY_BE_REPEATED = (503, 504)
_GIVE_UP_AFTER = 8
# Always counted; another one may have been refused while it was still being read.
_COUNTED = (200, 201, 202, 402, 403, 409, 412, 429)


def new_key() -> str:
    return uuid.uuid4().hex


def moment(text: str) -> datetime:
    """An RFC 3339 time in UTC."""
    assert text.endswith("Z"), text
    return datetime.fromisoformat(text)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer. `body` is the JSON."""

    status: int
    body: Any
    headers: httpx.Headers

    @property
    def code(self) -> str:
        return str(self.body["code"])

    @property
    def versions(self) -> dict[str, int]:
        """Stream to version out of Consistency-Token."""
        return versions_of(self.headers.get("consistency-token", ""))

    @property
    def replayed(self) -> bool:
        return "idempotency-replayed" in self.headers


def versions_of(token: str) -> dict[str, int]:
    """What a Consistency-Token names, held to its form."""
    if not token:
        return {}
    entries = [re.fullmatch(rf"({STREAM})@(\d+)", entry.strip()) for entry in token.split(",")]
    assert all(entries), token
    return {entry[1]: int(entry[2]) for entry in entries if entry}


@dataclass(slots=True)
class Client:
    """One caller's session at both gateways in turn. It sends back on every read the tokens it was given.

    A call is repeated with its key after 503, 504 and no answer, as the guide says, and never otherwise.
    """

    http: httpx.AsyncClient
    urls: list[str]
    token: str | None = None
    customer_id: str = ""
    seen: dict[str, int] = field(default_factory=dict)
    _turns: Any = None

    def __post_init__(self) -> None:
        self._turns = cycle(self.urls)

    def other(self) -> "Client":
        """Somebody else, without a token yet."""
        return Client(self.http, self.urls)

    async def guest(self) -> "Client":
        """A new guest."""
        return await self.other()._opened({})

    async def admin(self) -> "Client":
        return await self.other()._opened(ADMIN)

    async def customer(self) -> "Client":
        """A newly registered customer."""
        fresh = self.other()
        await fresh.register(f"{uuid.uuid4().hex}@shoppers.example")
        return fresh

    async def register(self, email: str, name: str = "Ann Lee") -> Reply:
        """Become a customer; goes on with the new token."""
        reply = await self.call("POST", "/api/customers", {"email": email, "password": PASSWORD, "name": name})
        assert reply.status == 201, reply
        self.token, self.customer_id = reply.body["token"], reply.body["customer_id"]
        return reply

    async def sign_in(self, email: str) -> Reply:
        """As a customer of `register`; goes on with the new token."""
        reply = await self.call("POST", "/api/sessions", {"email": email, "password": PASSWORD})
        assert reply.status == 201, reply
        self.token, self.customer_id = reply.body["token"], reply.body["customer_id"]
        return reply

    async def _opened(self, body: Mapping[str, str]) -> "Client":
        reply = await self.call("POST", "/api/sessions", body)
        assert reply.status == 201, reply
        self.token, self.customer_id = reply.body["token"], reply.body["customer_id"]
        return self

    async def get(self, path: str, **headers: str) -> Reply:
        """A read that has to succeed."""
        reply = await self.call("GET", path, headers=headers)
        assert reply.status == 200, reply
        return reply

    async def do(self, method: str, path: str, body: Any = None, status: int = 200, **more: Any) -> Reply:
        """A command that has to be answered with this status, for the first time."""
        reply = await self.call(method, path, body, **more)
        assert reply.status == status, reply
        return reply

    async def refused(self, method: str, path: str, body: Any = None, **more: Any) -> tuple[int, str]:
        """Status and code of a call that has to be refused."""
        reply = await self.call(method, path, body, **more)
        assert reply.status >= 400, reply
        return reply.status, reply.code

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str | None = None,
        if_match: int | None = None,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
    ) -> Reply:
        """Send it, see that the answer keeps the rules, remember the versions it tells."""
        sent = self.headers(method, key, if_match) | dict(headers or {})
        for _ in range(_GIVE_UP_AFTER):
            url = next(self._turns) + path
            try:
                answer = await self.http.request(method, url, json=body, content=content, headers=sent)
            except httpx.TransportError:
                await asyncio.sleep(1)
                continue
            reply = Reply(answer.status_code, answer.json() if answer.content else None, answer.headers)
            assert_keeps_the_rules(method, path.partition("?")[0], sent, reply)
            if reply.status not in _MAY_BE_REPEATED:
                for stream, version in reply.versions.items():
                    self.seen[stream] = max(version, self.seen.get(stream, 0))
                return reply
            await asyncio.sleep(int(reply.headers["retry-after"]))
        raise AssertionError(f"{method} {path} was not answered in {_GIVE_UP_AFTER} calls")

    def headers(self, method: str, key: str | None = None, if_match: int | None = None) -> dict[str, str]:
        """What is sent with a call: token, key or versions, and names for its logs."""
        sent = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01", "X-Request-Id": uuid.uuid4().hex}
        if self.token is not None:
            sent["Authorization"] = f"Bearer {self.token}"
        if method != "GET":
            sent["Idempotency-Key"] = key or new_key()
        elif self.seen:
            sent["Consistency-Token"] = ", ".join(f"{stream}@{version}" for stream, version in self.seen.items())
        if if_match is not None:
            sent["If-Match"] = f'"{if_match}"'
        return sent


def assert_keeps_the_rules(method: str, path: str, sent: Mapping[str, str], reply: Reply) -> None:
    """What docs/API.md says of every answer."""
    headers = reply.headers
    assert headers["x-request-id"] == sent["X-Request-Id"]
    assert headers["traceparent"].split("-")[1] == TRACE
    if reply.status < 300:
        assert headers["content-type"] == "application/json"
        if method == "GET" and "/api/ops" not in path:
            assert headers["served-from"] in ("read-model", "write-model", "cache")
    else:
        _assert_is_a_problem(path, reply)
    if "degraded" in headers:
        assert method == "GET"
        assert headers["degraded"] in ("projection-lag", "read-model-unavailable", "part-missing")
    if "age" in headers:
        assert int(headers["age"]) >= 0
    if "idempotency-replayed" in headers:
        assert headers["idempotency-replayed"] == "true"
    in_progress = reply.status == 409 and reply.code == "request-in-progress"
    assert ("retry-after" in headers) == (in_progress or reply.status in (429, 503, 504)), reply
    if "retry-after" in headers:
        after_wrong_passwords = reply.status == 429 and path in ("/api/sessions", "/api/customers")
        assert 1 <= int(headers["retry-after"]) <= (900 if after_wrong_passwords else 5)
    if "Authorization" in sent and reply.status in _COUNTED:
        assert re.fullmatch(r'"[a-z]+";r=\d+;t=\d+', headers["ratelimit"])
        assert re.fullmatch(r'"[a-z]+";q=\d+;w=\d+', headers["ratelimit-policy"])
    versions_of(headers.get("consistency-token", ""))


def _assert_is_a_problem(path: str, reply: Reply) -> None:
    body = reply.body
    assert reply.headers["content-type"] == "application/problem+json"
    assert {"type", "title", "status", "detail", "instance", "code", "request_id"} <= body.keys()
    assert body["status"] == reply.status
    assert body["instance"] == path
    assert body["request_id"] == reply.headers["x-request-id"]
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", body["code"])
    for error in body.get("errors", ()):
        assert error.keys() == {"pointer", "detail"}
    if reply.status == 401 and reply.code == "unauthenticated":
        assert reply.headers["www-authenticate"] == "Bearer"


async def eventually(attempt: Any, within_s: float = 20) -> Any:
    """What `attempt` (an async function) gives once it gives something true: lists ignore tokens, so they are asked
    again until they show a change.
    """
    ends_at = asyncio.get_running_loop().time() + within_s
    while True:
        found = await attempt()
        if found:
            return found
        assert asyncio.get_running_loop().time() < ends_at, f"nothing after {within_s:g} s"
        await asyncio.sleep(0.1)


async def everything(caller: Client, path: str, limit: int) -> tuple[list[Any], int]:
    """All items of a list, page by page, and its total; no page but the last is short."""
    items: list[Any] = []
    join = "&" if "?" in path else "?"
    cursor = ""
    while True:
        page = (await caller.get(f"{path}{join}limit={limit}{cursor}")).body
        items += page["items"]
        if page["next_cursor"] is None:
            return items, page["total"]
        assert len(page["items"]) == limit
        cursor = f"&cursor={quote(page['next_cursor'], safe='')}"


async def new_product(somebody: Client, available: int = 100, unit_amount: int = 250, **more: Any) -> str:
    """A product that no other test touches; `somebody` will see it in the next read."""
    admin = await somebody.admin()
    product_id = f"T.{uuid.uuid4().hex[:12]}"
    body = {"product_id": product_id, "name": "Test piece", "category": "Tests", "unit_amount": unit_amount}
    await admin.do("POST", "/api/admin/products", body | {"available": available} | more, 201)
    return product_id


async def settled(caller: Client, order_id: str) -> Any:
    """The order once its payment is decided."""

    async def decided() -> Any:
        order = (await caller.get(f"/api/orders/{order_id}")).body
        return order if order["status"] != "awaiting_payment" else None

    return await eventually(decided, within_s=30)


async def bought(somebody: Client, product_id: str, quantity: int = 1) -> tuple[Client, str]:
    """A new guest who has paid for the product, and the order's id."""
    guest = await somebody.guest()
    await guest.do("POST", "/api/cart/items", {"product_id": product_id, "quantity": quantity})
    reply = await guest.call("POST", "/api/checkout", {"payment_token": "tok_visa"})
    assert reply.status in (201, 202), reply  # 202 when the ledger took its time
    order = await settled(guest, reply.body["order_id"])
    guest.seen[f"order-{order['order_id']}"] = order["version"]
    return guest, str(order["order_id"])
