"""A session that has ended is refused at the edge, whatever becomes of command-service afterwards."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest

WITHIN_S = 5.0


def ended(number: int, subject: str, **which: object) -> dict[str, object]:
    return {"number": number, "subject": subject, "expires_at": 9e9, **which}


async def refused_soon(shop: Any, role: str, path: str = "/api/cart") -> httpx.Response:
    async with asyncio.timeout(WITHIN_S):
        while (answer := await shop.call("GET", path, role)).status_code != 401:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    assert answer.json()["code"] == "unauthenticated"
    assert answer.json()["detail"] == "the session has ended"
    assert answer.headers["www-authenticate"] == "Bearer"
    return answer


async def test_it_is_refused_before_any_service_is_asked(shop: Any, kit: Any) -> None:
    assert (await shop.call("GET", "/api/cart", "guest")).status_code == 200
    shop.command.ended.append(ended(1, kit.GUEST_ID, role="guest"))
    await refused_soon(shop, "guest")
    before = len(shop.command.received) + len(shop.query.received)
    for method, path in (("POST", "/api/cart/items"), ("POST", "/api/checkout"), ("DELETE", "/api/sessions/current")):
        assert (await shop.call(method, path, "guest", json={})).status_code == 401
    assert len(shop.command.received) + len(shop.query.received) == before
    assert (await shop.call("GET", "/api/cart", "customer")).status_code == 200


async def test_registering_again_is_answered_by_command_service_and_a_new_session_begins(shop: Any, kit: Any) -> None:
    shop.command.ended.append(ended(1, kit.GUEST_ID, role="guest"))
    await refused_soon(shop, "guest")
    shop.command.then_problem(409, "already-registered")
    body = {"email": "ann@example.com", "password": "correct horse", "name": "Ann"}
    answer = await shop.call("POST", "/api/customers", "guest", json=body)
    assert (answer.status_code, answer.json()["code"]) == (409, "already-registered")
    assert shop.command.last.headers["authorization"].startswith("Bearer ")
    fresh = await shop.call("POST", "/api/sessions", "guest", json={})
    assert fresh.status_code == 201
    shop.command.then(200, {"customer_id": kit.GUEST_ID, "role": "customer", "cart_version": None})
    signed_in = await shop.call("POST", "/api/sessions", "guest", json={"email": "ann@example.com", "password": "x"})
    assert signed_in.status_code == 201
    assert "authorization" not in shop.command.last.headers


async def test_what_is_known_stays_known_when_command_service_goes(shop: Any, kit: Any) -> None:
    shop.command.ended.append(ended(1, kit.GUEST_ID, role="guest"))
    await refused_soon(shop, "guest")
    await shop.command.stop()
    await asyncio.sleep(1.5)
    await refused_soon(shop, "guest")
    assert (await shop.call("GET", "/api/orders", "customer")).status_code == 200


@pytest.mark.parametrize("known", [True, False])
async def test_administrators_wait_until_it_is_known_which_sessions_have_ended(
    stack: AsyncExitStack, kit: Any, known: bool
) -> None:
    command, query = await kit.start_standin(stack), await kit.start_standin(stack)
    command.ended = [] if known else None
    shop = await kit.open_shop(stack, command_urls=command.url, query_urls=query.url)
    answer = await shop.call("GET", "/api/admin/orders", "admin")
    assert answer.status_code == (200 if known else 503)
    if not known:
        assert answer.json()["code"] == "dependency-unavailable"
        assert answer.headers["retry-after"] in ("1", "2", "3")  # spread, so that callers do not come back together
    assert (await shop.call("GET", "/api/admin/orders", "customer")).status_code == 403
    assert (await shop.call("GET", "/api/cart", "customer")).status_code == 200
    assert (await shop.call("GET", "/api/products")).status_code == 200


async def test_a_new_password_is_forwarded_with_the_callers_address_and_counted_as_a_password(shop: Any) -> None:
    shop.command.then(200, {"customer_id": "c"})
    body = {"password": "correct horse", "new_password": "another horse"}
    answer = await shop.call("PUT", "/api/profile/password", "customer", json=body)
    assert (answer.status_code, answer.json()) == (200, {"customer_id": "c"})
    assert shop.command.last.headers["x-client-address"] == "127.0.0.1"
    assert (await shop.call("PUT", "/api/profile/password", "guest", json=body)).status_code == 403
    short = {**body, "new_password": "short"}
    refused = await shop.call("PUT", "/api/profile/password", "customer", json=short)
    assert [each["pointer"] for each in refused.json()["errors"]] == ["/new_password"]
