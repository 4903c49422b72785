"""The headers and the bad input of docs/API.md."""

import asyncio
import re
from typing import Any

import pytest

from contract import Client, new_product

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

ITEM = {"product_id": "71053", "quantity": 1}


@pytest.mark.parametrize("authorization", ["Bearer nonsense", "Bearer", "Bearer a.b.c"])
async def test_a_bad_token_is_401(somebody: Client, authorization: str) -> None:
    for path in ("/api/cart", "/api/products"):
        reply = await somebody.call("GET", path, headers={"Authorization": authorization})
        assert (reply.status, reply.code) == (401, "unauthenticated")


async def test_another_scheme_is_no_token(somebody: Client) -> None:
    basic = {"Authorization": "Basic YTpi"}
    assert (await somebody.call("GET", "/api/products", headers=basic)).status == 200
    reply = await somebody.call("GET", "/api/cart", headers=basic)
    assert (reply.status, reply.code) == (401, "unauthenticated")


async def test_calls_that_need_a_token_say_so(somebody: Client) -> None:
    for method, path in (
        ("GET", "/api/cart"), ("DELETE", "/api/cart"), ("GET", "/api/orders"), ("GET", "/api/profile"),
    ):  # fmt: skip
        assert await somebody.refused(method, path) == (401, "unauthenticated")
    assert await somebody.refused("POST", "/api/checkout", {"payment_token": "tok_visa"}) == (401, "unauthenticated")


@pytest.mark.parametrize(
    ("method", "path", "headers", "content", "status", "code"),
    [
        ("POST", "/api/cart/items", {}, b'{"product_id":', 400, "malformed"),
        ("POST", "/api/cart/items", {}, b'{"product_id":"A","quantity":NaN}', 422, "invalid"),
        ("POST", "/api/cart/items", {"Content-Type": "text/plain"}, b"{}", 415, "unsupported-media-type"),
        ("POST", "/api/cart/items", {}, b'{"x":"' + b"y" * 65_536 + b'"}', 413, "body-too-large"),
        ("POST", "/api/cart/items", {}, b'[]', 422, "invalid"),
        ("PATCH", "/api/cart", {}, b"", 405, "method-not-allowed"),
        ("GET", "/api/nothing", {}, b"", 404, "not-found"),
        ("GET", "/nothing", {}, b"", 404, "not-found"),
        ("GET", "/api/cart", {"X-Request-Timeout-Ms": "soon"}, b"", 422, "invalid"),
        ("GET", "/api/cart", {"X-Request-Timeout-Ms": "0"}, b"", 422, "invalid"),
        ("GET", "/api/cart", {"X-Request-Timeout-Ms": "60001"}, b"", 422, "invalid"),
        ("GET", "/api/cart", {"Consistency-Token": "cart@1"}, b"", 400, "consistency-token-invalid"),
        ("DELETE", "/api/cart", {"If-Match": "3"}, b"", 422, "invalid"),
        ("DELETE", "/api/cart", {"Idempotency-Key": "a b"}, b"", 422, "invalid"),
        ("DELETE", "/api/cart", {"Idempotency-Key": "x" * 256}, b"", 422, "invalid"),
    ],
)  # fmt: skip
async def test_bad_input_has_its_status_and_code(
    somebody: Client, method: str, path: str, headers: dict[str, str], content: bytes, status: int, code: str
) -> None:
    guest = await somebody.guest()
    sent = ({"Content-Type": "application/json"} if content else {}) | headers
    reply = await guest.call(method, path, headers=sent, content=content or None)
    assert (reply.status, reply.code) == (status, code)


async def test_keys_of_1_to_255_visible_characters_are_taken(somebody: Client) -> None:
    guest = await somebody.guest()
    for key in ("!", "~" * 255, '"quoted",;='):
        await guest.do("POST", "/api/cart/items", {**ITEM, "product_id": await new_product(somebody)}, key=key)


async def test_a_time_that_is_too_short_is_504_and_the_repeat_is_done_once(somebody: Client) -> None:
    product_id = await new_product(somebody)
    guest = await somebody.guest()
    item = {"product_id": product_id, "quantity": 1}
    sent = guest.headers("POST", "the-key")
    answer = await guest.http.post(
        f"{guest.urls[0]}/api/cart/items", json=item, headers=sent | {"X-Request-Timeout-Ms": "1"}
    )
    assert (answer.status_code, answer.json()["code"]) == (504, "deadline-exceeded")
    assert 1 <= int(answer.headers["retry-after"]) <= 5
    await guest.do("POST", "/api/cart/items", item, key="the-key")
    assert (await guest.get("/api/cart")).body["lines"][0]["quantity"] == 1


async def test_tokens_of_others_and_of_the_future_do_no_harm(somebody: Client) -> None:
    guest, other = await somebody.guest(), await somebody.guest()
    cart = f"cart-{guest.customer_id}"
    for token in (f"{cart}@999", f"cart-{other.customer_id}@5", f"product-71053@1,{cart}@0", ""):
        assert (await guest.get("/api/cart", **{"Consistency-Token": token})).body["version"] == 0


async def test_the_rate_of_a_token_is_told_and_held(somebody: Client) -> None:
    guest = await somebody.guest()
    first = await guest.get("/api/cart")
    policy = re.fullmatch(r'"default";q=(\d+);w=(\d+)', first.headers["ratelimit-policy"])
    assert policy
    limit = int(policy[1])
    left = [int(re.split("[=;]", first.headers["ratelimit"])[2])]
    url, sent = f"{guest.urls[0]}/api/products?limit=0", guest.headers("GET")
    refused: list[Any] = []

    async def flood() -> None:
        while not refused and sum(counts) < 20 * limit:
            counts.append(1)
            answer = await guest.http.get(url, headers=sent)
            left.append(int(re.split("[=;]", answer.headers["ratelimit"])[2]))
            if answer.status_code == 429:
                refused.append(answer)

    counts: list[int] = []
    await asyncio.gather(*(flood() for _ in range(16)))
    answer = refused[0]
    assert answer.json()["code"] == "rate-limited"
    assert 1 <= int(answer.headers["retry-after"]) <= 5
    assert min(left) == 0
    assert max(left) < limit
    assert answer.headers["ratelimit-policy"] == first.headers["ratelimit-policy"]
    await (await somebody.guest()).get("/api/cart")  # others are not held back
