"""A running command-service, called in process as the gateway would call it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import httpx
from fastapi import FastAPI
from uuid_utils.compat import uuid7

from command_service.bootstrap import build
from command_service.settings import Settings
from holdfast.service.keys import DEMO_PRIVATE_KEY
from holdfast.service.tokens import Role, TokenSigner
from holdfast.testing.credentials import AsService

_SIGNER = TokenSigner(DEMO_PRIVATE_KEY)
_AS_GATEWAY: Final = AsService("gateway", "command-service")
NO_PAYMENT: Final = "http://127.0.0.1:1"
"""For tests without a payment-service: one at the usual address may belong to a shop that runs beside them."""


@dataclass(frozen=True)
class Someone:
    """A caller with a token: `await someone.post("/api/cart/items", json={...}, key="k1")`."""

    client: httpx.AsyncClient
    subject: str
    role: Role

    @property
    def headers(self) -> dict[str, str]:
        token, _ = _SIGNER.sign(self.subject, self.role, datetime.now(UTC))
        return {"Authorization": f"Bearer {token}"}

    async def call(
        self, method: str, path: str, *, key: str | None = None, if_match: int | None = None, **options: Any
    ) -> httpx.Response:
        headers = {**self.headers, **options.pop("headers", {})}
        if key is not None:
            headers["Idempotency-Key"] = key
        if if_match is not None:
            headers["If-Match"] = f'"{if_match}"'
        return await self.client.request(method, path, headers=headers, **options)

    async def insist(self, method: str, path: str, *, key: str, **options: Any) -> httpx.Response:
        """Calls as a client does that is told 503 or 504 with Retry-After: again, with the same key (here at once)."""
        while True:
            answer = await self.call(method, path, key=key, **options)
            if answer.status_code not in (503, 504):
                return answer
            assert answer.headers["retry-after"] == "1", answer.text
            await asyncio.sleep(0.05)

    async def get(self, path: str, **options: Any) -> httpx.Response:
        return await self.call("GET", path, **options)

    async def post(self, path: str, json: Any = None, **options: Any) -> httpx.Response:
        return await self.call("POST", path, json={} if json is None else json, **options)

    async def put(self, path: str, json: Any, **options: Any) -> httpx.Response:
        return await self.call("PUT", path, json=json, **options)

    async def delete(self, path: str, **options: Any) -> httpx.Response:
        return await self.call("DELETE", path, **options)


@dataclass(frozen=True)
class Service:
    """A running command-service; `client` carries no token."""

    app: FastAPI
    client: httpx.AsyncClient

    def someone(self, role: Role = "guest", subject: str | None = None) -> Someone:
        return Someone(self.client, subject or str(uuid7()), role)

    async def ready(self) -> None:
        """Waits until it is. Raises TimeoutError after 20 s."""
        async with asyncio.timeout(20):
            while (await self.client.get("/readyz")).status_code != 200:  # noqa: ASYNC110  # a process says so by no event
                await asyncio.sleep(0.01)

    def admin(self) -> Someone:
        return self.someone("admin")

    async def product(self, product_id: str = "mug", **fields: Any) -> str:
        """Creates a product of 250 pence with 100 pieces, or as `fields` say."""
        body = {"product_id": product_id, "name": f"A {product_id}", "category": "Kitchen", "unit_amount": 250}
        answer = await self.admin().post("/api/admin/products", {**body, "available": 100, **fields})
        assert answer.status_code == 201, answer.text
        return product_id


@asynccontextmanager
async def running(settings: Settings, *, prepared: bool = True) -> AsyncIterator[Service]:
    """The service of these settings, started; with `prepared` it is ready."""
    app = build(settings)
    transport = httpx.ASGITransport(app=app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://command", auth=_AS_GATEWAY) as client,
    ):
        if prepared:
            await Service(app, client).ready()
        yield Service(app, client)


def refused(answer: httpx.Response, status: int, code: str) -> bool:
    """Whether an answer is this problem, in the form of RFC 9457."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    problem = answer.json()
    assert problem.keys() >= {"type", "title", "status", "detail", "instance", "code", "request_id"}
    return (answer.status_code, problem["status"], problem["code"]) == (status, status, code)
