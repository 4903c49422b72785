"""The rate limit of a token, and of an address for new sessions."""

import re
import time
from contextlib import AsyncExitStack
from typing import Any

import pytest


async def test_a_token_over_its_rate_is_429(stack: AsyncExitStack, kit: Any) -> None:
    shop = await kit.open_shop(stack, rate_per_s=0.01, rate_burst=3)
    answers = [await shop.call("GET", "/api/cart", "guest") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert [_remaining(answer) for answer in answers] == [2, 1, 0, 0]
    refused = answers[-1]
    assert refused.json()["code"] == "rate-limited"
    assert 1 <= int(refused.headers["retry-after"]) <= 5
    assert refused.headers["ratelimit-policy"] == '"default";q=3;w=300'
    assert len(shop.query.received) == 3


async def test_one_tokens_flood_leaves_the_others_served(stack: AsyncExitStack, kit: Any) -> None:
    shop = await kit.open_shop(stack, rate_per_s=0.1, rate_burst=1)
    for _ in range(3):
        await shop.call("GET", "/api/cart", "guest")
    assert (await shop.call("GET", "/api/cart", "admin")).status_code == 200


async def test_refusals_and_failures_say_what_is_left_too(stack: AsyncExitStack, kit: Any) -> None:
    shop = await kit.open_shop(stack, rate_per_s=0.1, rate_burst=3)
    refused = await shop.call("POST", "/api/cart/items", "guest", json={})
    assert (refused.status_code, _remaining(refused)) == (422, 2)
    shop.command.then_problem(503, "dependency-unavailable")
    failed = await shop.call("DELETE", "/api/cart", "guest")
    assert (failed.status_code, _remaining(failed)) == (503, 1)
    forbidden = await shop.call("GET", "/api/admin/orders", "guest")
    assert (forbidden.status_code, _remaining(forbidden)) == (403, 0)


async def test_calls_without_a_token_are_limited_by_address_and_those_with_one_are_not(
    stack: AsyncExitStack, kit: Any
) -> None:
    shop = await kit.open_shop(stack, address_rate_per_s=0.01, address_rate_burst=3)
    answers = [await shop.call("GET", path) for path in ("/api/products", "/api/products/A", "/nowhere", "/docs")]
    assert [answer.status_code for answer in answers] == [200, 200, 404, 429]
    assert answers[0].headers["ratelimit-policy"] == '"address";q=3;w=300'
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 5
    assert (await shop.call("GET", "/api/products", "guest")).status_code == 200
    assert [(await shop.call("GET", path)).status_code for path in ("/healthz", "/readyz")] == [200, 200]


async def test_what_a_service_has_to_answer_without_a_token_is_limited_apart(stack: AsyncExitStack, kit: Any) -> None:
    shop = await kit.open_shop(stack, anonymous_rate_per_s=0.01, anonymous_rate_burst=2)
    searches = [await shop.call("GET", f"/api/products?q={word}") for word in ("a", "b", "c")]
    assert [answer.status_code for answer in searches] == [200, 200, 429]
    assert searches[-1].headers["ratelimit-policy"] == '"services";q=2;w=200'
    assert (await shop.call("GET", "/api/products?q=a")).status_code == 200  # kept
    assert (await shop.call("GET", "/api/products?q=c", "guest")).status_code == 200
    assert len(shop.query.received) == 3


@pytest.mark.parametrize("authorization", ["Bearer nonsense", "Bearer a.b.c", "Bearer"])
async def test_bad_tokens_count_at_their_address(stack: AsyncExitStack, kit: Any, authorization: str) -> None:
    shop = await kit.open_shop(stack, address_rate_per_s=0.01, address_rate_burst=2)
    bad = {"Authorization": authorization}
    assert [(await shop.call("GET", "/api/cart", headers=bad)).status_code for _ in range(3)] == [401, 401, 429]
    assert (await shop.call("GET", "/api/cart", "guest")).status_code == 200


async def test_passwords_are_limited_by_address_apart_with_and_without_a_token(stack: AsyncExitStack, kit: Any) -> None:
    shop = await kit.open_shop(stack, password_rate_per_s=0.01, password_rate_burst=2)
    shop.command.then_problem(401, "invalid-credentials")
    body = {"email": "ann@example.org", "password": "wrong password"}
    for role in (None, "guest"):
        answers = [await shop.call("POST", "/api/sessions", role, json=body) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [401, 401, 429], role
    registration = await shop.call("POST", "/api/customers", json=body | {"name": "Ann"})
    assert registration.status_code == 429
    assert (await shop.call("POST", "/api/sessions", json={})).status_code == 201
    assert len(shop.command.received) == 4


async def test_an_invented_forwarded_address_changes_nothing(stack: AsyncExitStack, kit: Any) -> None:
    shop = await kit.open_shop(stack, address_rate_per_s=0.01, address_rate_burst=2)
    for number in range(3):
        invented = {"X-Forwarded-For": f"10.0.0.{number}", "Forwarded": f"for=10.0.0.{number}", "X-Client-Address": "a"}
        answer = await shop.call("GET", "/api/products", headers=invented)
    assert answer.status_code == 429


async def test_an_address_cannot_open_sessions_without_end(stack: AsyncExitStack, kit: Any) -> None:
    shop = await kit.open_shop(stack, session_rate_per_s=0.1, session_rate_burst=2)
    answers = [await shop.call("POST", "/api/sessions", json={}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [201, 201, 429]
    assert answers[-1].headers["ratelimit-policy"] == '"sessions";q=2;w=20'
    assert (await shop.call("POST", "/api/sessions", "guest", json={})).status_code == 429
    shop.command.then(200, {"customer_id": kit.GUEST_ID, "role": "customer", "cart_version": None})
    body = {"email": "ann@example.org", "password": "correct horse"}
    assert (await shop.call("POST", "/api/sessions", "guest", json=body)).status_code == 201


@pytest.mark.timing("the first refusal within 90 ms")
async def test_refusals_of_a_caller_that_goes_on_are_held_back_longer_and_longer(
    stack: AsyncExitStack, kit: Any
) -> None:
    shop = await kit.open_shop(stack, address_rate_per_s=0.01, address_rate_burst=1)
    took_s = []
    for _ in range(12):
        begun = time.perf_counter()
        answer = await shop.call("GET", "/nowhere")
        took_s.append(time.perf_counter() - begun)
    assert answer.status_code == 429
    assert took_s[11] > 0.09  # the eleventh refusal in a row
    assert sum(took_s) > 0.5
    begun = time.perf_counter()
    assert (await shop.call("GET", "/api/cart", "guest")).status_code == 200
    assert time.perf_counter() - begun < 0.09


def _remaining(answer: Any) -> int:
    match = re.fullmatch(r'"default";r=(\d+);t=\d+', answer.headers["ratelimit"])
    assert match is not None
    return int(match[1])
