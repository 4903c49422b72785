"""The defaults that every service's application has, over a real ASGI call."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, Depends

from holdfast.contracts.requests import CartItem
from holdfast.resilience.errors import BulkheadFull, DependencyUnavailable
from holdfast.service.app import create_app
from holdfast.service.auth import admin_caller, any_caller
from holdfast.service.context import current
from holdfast.service.keys import DEMO_PRIVATE_KEY
from holdfast.service.settings import ServiceSettings
from holdfast.service.tokens import Caller, Role, TokenSigner

router = APIRouter()


@router.post("/items")
async def add(item: CartItem) -> dict[str, int]:
    return {"quantity": item.quantity}


@router.get("/me")
async def me(caller: Caller = Depends(any_caller)) -> dict[str, str]:
    return {"id": caller.subject, "role": caller.role}


@router.get("/admin")
async def admin(caller: Caller = Depends(admin_caller)) -> dict[str, str]:
    return {"id": caller.subject}


@router.get("/slow")
async def slow() -> dict[str, int]:
    await asyncio.sleep(5)
    return {}


@router.get("/context")
async def context() -> dict[str, object]:
    return {"left_ms": current().deadline.remaining_ms(), "attempt": current().attempt}


@router.get("/away")
async def away() -> None:
    raise DependencyUnavailable("postgres", retry_after_s=3)


@router.get("/full")
async def full() -> None:
    raise BulkheadFull("postgres", retry_after_s=2)


@router.get("/broken")
async def broken() -> None:
    raise ZeroDivisionError


def _inner(app: Any) -> Any:
    return app


@pytest.fixture(params=[False, True], ids=["internal", "edge"])
async def client(request: pytest.FixtureRequest) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(
        "test", ServiceSettings(port=1), routers=[router], front=_inner if request.param else None, callers=None
    )
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://shop", trust_env=False) as http:
        http.headers["x-edge"] = str(request.param)
        yield http


JSON = {"content-type": "application/json"}


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "malformed"),
        (b"\xff\xfe{}", 400, "malformed"),
        (b"[" * 60_000, 400, "malformed"),
        (b"", 422, "invalid"),
        (b"null", 422, "invalid"),
        (b"[]", 422, "invalid"),
        (b'{"product_id": "A", "quantity": NaN}', 422, "invalid"),
        (b'{"product_id": "A", "quantity": Infinity}', 422, "invalid"),
        (b'{"product_id": "A", "quantity": 1e400}', 422, "invalid"),
        (b'{"product_id": "A", "quantity": "1"}', 422, "invalid"),
        (b'{"product_id": "A", "quantity": true}', 422, "invalid"),
        (b'{"product_id": "A", "quantity": 1.0}', 422, "invalid"),
        (b'{"product_id": "A", "quantity": 0}', 422, "invalid"),
        (b'{"product_id": "A", "quantity": 100001}', 422, "invalid"),
        (b'{"product_id": "A\\u0000", "quantity": 1}', 422, "invalid"),
        (b'{"product_id": "A\\n", "quantity": 1}', 422, "invalid"),
        (b'{"product_id": "\\ud800", "quantity": 1}', 422, "invalid"),
        (b'{"product_id": "A", "quantity": 1, "more": 1}', 422, "invalid"),
        (b'{"product_id": "' + b"A" * 70_000 + b'", "quantity": 1}', 413, "body-too-large"),
    ],
)
async def test_bad_bodies_are_problems(client: httpx.AsyncClient, body: bytes, status: int, code: str) -> None:
    answer = await client.post("/items", content=body, headers=JSON)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["code"], problem["status"], problem["instance"]) == (code, status, "/items")
    assert problem["request_id"] == answer.headers["x-request-id"]


async def test_a_field_error_names_its_pointer(client: httpx.AsyncClient) -> None:
    answer = await client.post("/items", json={"product_id": "A", "quantity": 0})
    assert answer.json()["errors"][0]["pointer"] == "/quantity"


async def test_a_body_of_another_media_type_is_refused(client: httpx.AsyncClient) -> None:
    answer = await client.post("/items", content=b"a=1", headers={"content-type": "text/plain"})
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported-media-type")


async def test_an_unknown_path_and_method(client: httpx.AsyncClient) -> None:
    assert (await client.get("/nowhere")).json()["code"] == "not-found"
    assert (await client.get("/no%20w%C3%A9re")).json()["instance"] == "/no%20w%C3%A9re"
    answer = await client.put("/items", json={})
    assert (answer.status_code, answer.json()["code"]) == (405, "method-not-allowed")
    assert answer.headers["allow"] == "POST"


async def test_the_caller_shortens_the_deadline_and_never_lengthens_it(client: httpx.AsyncClient) -> None:
    short = await client.get("/context", headers={"X-Request-Timeout-Ms": "300"})
    assert 200 < short.json()["left_ms"] <= 300
    long = await client.get("/context", headers={"X-Request-Timeout-Ms": "60000"})
    assert long.json()["left_ms"] <= 2000
    late = await client.get("/slow", headers={"X-Request-Timeout-Ms": "50"})
    assert (late.status_code, late.json()["code"], late.headers["retry-after"]) == (504, "deadline-exceeded", "1")


@pytest.mark.parametrize("value", ["0", "60001", "-1", "1.5", "x", "", "1e3"])
async def test_a_bad_timeout_header_is_invalid(client: httpx.AsyncClient, value: str) -> None:
    answer = await client.get("/context", headers={"X-Request-Timeout-Ms": value})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")


async def test_unavailable_says_retry_after_only_at_the_edge(client: httpx.AsyncClient) -> None:
    away = await client.get("/away")
    assert away.status_code == 503
    assert away.headers.get("retry-after") == ("3" if client.headers["x-edge"] == "True" else None)
    full = await client.get("/full")
    assert (full.status_code, full.headers["retry-after"], full.json()["code"]) == (503, "2", "bulkhead-full")


async def test_an_unexpected_error_is_a_problem_without_its_details(client: httpx.AsyncClient) -> None:
    answer = await client.get("/broken")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "ZeroDivision" not in answer.text


def bearer(role: Role, now: datetime | None = None) -> dict[str, str]:
    token, _ = TokenSigner(DEMO_PRIVATE_KEY).sign("someone", role, now or datetime.now(UTC))
    return {"Authorization": f"Bearer {token}"}


async def test_roles_are_checked(client: httpx.AsyncClient) -> None:
    assert (await client.get("/me")).json()["code"] == "unauthenticated"
    assert (await client.get("/me", headers={"Authorization": "Basic eDp5"})).status_code == 401
    assert (await client.get("/me", headers={"Authorization": "Bearer e30.e30.e30"})).status_code == 401
    assert (await client.get("/me", headers=bearer("guest"))).json() == {"id": "someone", "role": "guest"}
    assert (await client.get("/me", headers=bearer("admin", datetime(2020, 1, 1, tzinfo=UTC)))).status_code == 401
    assert (await client.get("/admin", headers=bearer("customer"))).json()["code"] == "forbidden"
    assert (await client.get("/admin", headers=bearer("admin"))).status_code == 200


async def test_trace_and_request_id_are_carried(client: httpx.AsyncClient) -> None:
    trace = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"
    answer = await client.get("/healthz", headers={"traceparent": trace, "X-Request-Id": "mine"})
    assert answer.headers["x-request-id"] == "mine"
    assert answer.headers["traceparent"][:36] == trace[:36]
    assert answer.headers["traceparent"] != trace


async def test_metrics_count_by_route(client: httpx.AsyncClient) -> None:
    await client.get("/context")
    text = (await client.get("/metrics")).text
    assert 'http_requests_total{method="GET",route="/context",status="200"} 1.0' in text


@pytest.mark.parametrize("leaves", [True, False])
async def test_a_command_can_tell_that_its_caller_is_gone(leaves: bool) -> None:
    effects: list[str] = []
    commands = APIRouter()

    @commands.post("/command")
    async def command() -> dict[str, str]:
        await asyncio.sleep(0.05)
        current().require_caller()
        effects.append("acted")
        return {}

    app = create_app("test", ServiceSettings(port=1), routers=[commands], callers=None)
    incoming: asyncio.Queue[dict[str, object]] = asyncio.Queue()
    incoming.put_nowait({"type": "http.request", "body": b"", "more_body": False})
    if leaves:
        incoming.put_nowait({"type": "http.disconnect"})
    sent: list[int] = []

    async def send(message: Any) -> None:
        sent.append(message.get("status", 0))

    scope = {"type": "http", "method": "POST", "path": "/command", "headers": [], "query_string": b""}
    await app(scope | {"app": app}, incoming.get, send)
    assert (effects, sent) == (([], []) if leaves else (["acted"], [200, 0]))
