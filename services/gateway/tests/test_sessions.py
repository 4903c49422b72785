"""Guests, sign-in and registration."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from holdfast.service.keys import DEMO_PUBLIC_KEY
from holdfast.service.tokens import TokenVerifier

CREDENTIALS = {"email": "ann@example.org", "password": "correct horse"}
NEW_CUSTOMER = CREDENTIALS | {"name": "Ann"}
CUSTOMER_ID = "0193f0a0-0000-7000-8000-000000000007"
verifier = TokenVerifier(DEMO_PUBLIC_KEY)


async def test_a_guest_needs_no_service_at_all(shop: Any) -> None:
    await shop.query.stop()
    await shop.command.stop()
    answer = await shop.call("POST", "/api/sessions", json={})
    assert answer.status_code == 201
    session = answer.json()
    assert list(session) == ["token", "customer_id", "role", "expires_at"]
    assert (session["role"], UUID(session["customer_id"]).version) == ("guest", 7)
    caller = verifier.verify(session["token"])
    assert (caller.subject, caller.role) == (session["customer_id"], "guest")
    expires_at = datetime.fromisoformat(session["expires_at"])
    assert abs(expires_at - datetime.now(UTC) - timedelta(days=30)) < timedelta(minutes=1)


async def test_two_guests_are_two(shop: Any) -> None:
    sessions = [(await shop.call("POST", "/api/sessions", json={})).json() for _ in range(2)]
    assert sessions[0]["customer_id"] != sessions[1]["customer_id"]


async def test_a_guests_token_opens_its_cart(shop: Any) -> None:
    session = (await shop.call("POST", "/api/sessions", json={})).json()
    headers = {"Authorization": f"Bearer {session['token']}"}
    assert (await shop.call("GET", "/api/cart", headers=headers)).status_code == 200


@pytest.mark.parametrize("role", ["customer", "admin"])
async def test_sign_in_gives_a_token_for_twelve_hours(shop: Any, role: str) -> None:
    shop.command.then(200, {"customer_id": CUSTOMER_ID, "role": role, "cart_version": None})
    answer = await shop.call("POST", "/api/sessions", json=CREDENTIALS)
    assert answer.status_code == 201
    session = answer.json()
    assert set(session) == {"token", "customer_id", "role", "expires_at"}
    caller = verifier.verify(session["token"])
    assert (caller.subject, caller.role) == (CUSTOMER_ID, role)
    expires_at = datetime.fromisoformat(session["expires_at"])
    assert abs(expires_at - datetime.now(UTC) - timedelta(hours=12)) < timedelta(minutes=1)


async def test_sign_in_tells_the_command_service_whose_cart_to_merge(shop: Any, kit: Any) -> None:
    shop.command.then(
        200,
        {"customer_id": CUSTOMER_ID, "role": "customer", "cart_version": 3},
        Consistency_Token=f"cart-{CUSTOMER_ID}@3",
    )
    answer = await shop.call("POST", "/api/sessions", "guest", json=CREDENTIALS, headers={"Idempotency-Key": "k"})
    assert answer.headers["consistency-token"] == f"cart-{CUSTOMER_ID}@3"
    assert shop.command.last.headers["authorization"] == f"Bearer {kit.token('guest')}"
    assert "idempotency-key" not in shop.command.last.headers


async def test_the_callers_address_is_told_to_the_command_service_and_cannot_be_invented(shop: Any) -> None:
    shop.command.then(201, {"customer_id": CUSTOMER_ID, "role": "customer", "version": 1})
    for path, body in (("/api/sessions", CREDENTIALS), ("/api/customers", NEW_CUSTOMER)):
        await shop.call("POST", path, json=body, headers={"X-Client-Address": "10.0.0.1"})
        assert shop.command.last.headers["x-client-address"] == "127.0.0.1"
    await shop.call("DELETE", "/api/cart", "guest", headers={"X-Client-Address": "10.0.0.1"})
    assert "x-client-address" not in shop.command.last.headers


async def test_a_stale_token_does_not_lock_its_holder_out(shop: Any) -> None:
    shop.command.then(200, {"customer_id": CUSTOMER_ID, "role": "customer", "cart_version": None})
    stale = {"Authorization": "Bearer stale"}
    assert (await shop.call("POST", "/api/sessions", json={}, headers=stale)).status_code == 201
    assert (await shop.call("POST", "/api/sessions", json=CREDENTIALS, headers=stale)).status_code == 201
    assert "authorization" not in shop.command.last.headers


async def test_wrong_credentials_are_401(shop: Any) -> None:
    shop.command.then_problem(401, "invalid-credentials")
    answer = await shop.call("POST", "/api/sessions", json=CREDENTIALS)
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid-credentials")


async def test_registration_gives_a_token_and_the_version(shop: Any, kit: Any) -> None:
    shop.command.then(
        201,
        {"customer_id": kit.GUEST_ID, "role": "customer", "version": 1},
        Idempotency_Replayed="true",
    )
    answer = await shop.call("POST", "/api/customers", "guest", json=NEW_CUSTOMER, headers={"Idempotency-Key": "k"})
    assert answer.status_code == 201
    registered = answer.json()
    assert set(registered) == {"token", "customer_id", "role", "expires_at", "version"}
    assert verifier.verify(registered["token"]).subject == kit.GUEST_ID
    assert answer.headers["idempotency-replayed"] == "true"
    assert shop.command.last.headers["idempotency-key"] == "k"
    assert shop.command.last.headers["authorization"] == f"Bearer {kit.token('guest')}"


async def test_registration_with_a_bad_token_is_401_rather_than_a_lost_cart(shop: Any) -> None:
    answer = await shop.call("POST", "/api/customers", json=NEW_CUSTOMER, headers={"Authorization": "Bearer stale"})
    assert answer.status_code == 401
    assert shop.command.received == []


async def test_a_refused_registration_comes_through(shop: Any) -> None:
    shop.command.then_problem(409, "email-taken")
    answer = await shop.call("POST", "/api/customers", json=NEW_CUSTOMER)
    assert (answer.status_code, answer.json()["code"]) == (409, "email-taken")


@pytest.mark.parametrize("odd", [b"[]", b"{}", b"nope", b'{"customer_id": 1, "role": "customer"}'])
async def test_an_odd_answer_signs_no_token(shop: Any, odd: bytes) -> None:
    shop.command.then(200, odd)
    answer = await shop.call("POST", "/api/sessions", json=CREDENTIALS)
    assert (answer.status_code, answer.json()["code"]) == (503, "dependency-unavailable")
