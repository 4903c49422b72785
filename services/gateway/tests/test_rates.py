"""The rate limit of a token, and of an address for new sessions."""

import re
from contextlib import AsyncExitStack
from typing import Any


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


async def test_without_a_token_reading_the_catalogue_is_not_limited(stack: AsyncExitStack, kit: Any) -> None:
    shop = await kit.open_shop(stack, rate_per_s=0.1, rate_burst=1)
    for _ in range(3):
        answer = await shop.call("GET", "/api/products")
        assert answer.status_code == 200
        assert "ratelimit" not in answer.headers


async def test_an_address_cannot_open_sessions_without_end(stack: AsyncExitStack, kit: Any) -> None:
    shop = await kit.open_shop(stack, session_rate_per_s=0.1, session_rate_burst=2)
    answers = [await shop.call("POST", "/api/sessions", json={}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [201, 201, 429]
    assert answers[-1].headers["ratelimit-policy"] == '"sessions";q=2;w=20'


def _remaining(answer: Any) -> int:
    match = re.fullmatch(r'"default";r=(\d+);t=\d+', answer.headers["ratelimit"])
    assert match is not None
    return int(match[1])
