"""Ids that are places in a path, other schemes of authorization, CORS: what RFC 9110 and Fetch ask of a server."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import pytest

DOTS = [".", "..", "%2e", "%2E%2E", ".%2e", "%2e."]


async def _raw(shop: Any, method: str, target: str, token: str) -> tuple[int, bytes]:
    """Status and head-and-body of a request whose target is sent exactly as it is."""
    reader, writer = await asyncio.open_connection(shop.http.base_url.host, shop.http.base_url.port)
    lines = (f"{method} {target} HTTP/1.1", "Host: x", f"Authorization: Bearer {token}", "Connection: close", "", "")
    writer.write("\r\n".join(lines).encode())
    answer = await asyncio.wait_for(reader.read(), 5)
    writer.close()
    return int(answer.split()[1]), answer


@pytest.mark.parametrize("dots", DOTS)
async def test_dots_name_nothing_in_any_encoding(shop: Any, kit: Any, dots: str) -> None:
    calls = [
        ("DELETE", f"/api/cart/items/{dots}", b"line-unknown"),
        ("GET", f"/api/products/{dots}", b"product-unknown"),
        ("GET", f"/api/products/{dots}/recommendations", b"product-unknown"),
        ("GET", f"/api/orders/{dots}", b"order-unknown"),
        ("GET", f"/api/orders/{dots}/history", b"order-unknown"),
        ("DELETE", f"/api/admin/products/{dots}", b"product-unknown"),
        ("GET", f"/api/admin/streams/{dots}", b"stream-unknown"),
    ]
    for method, target, code in calls:
        status, answer = await _raw(shop, method, target, kit.token("admin"))
        assert (status, code in answer) == (404, True), (method, target)
    assert shop.command.received == shop.query.received == []


@pytest.mark.parametrize(
    "target",
    ["/api/cart/items/../", "/api/./cart", "/api/cart/items/..%2f", "/api/../api/cart", "/api//cart", "/api/cart/"],
)
async def test_no_path_is_normalised_to_that_of_a_call(shop: Any, kit: Any, target: str) -> None:
    await _raw(shop, "DELETE", target, kit.token())
    assert [sent.path for sent in shop.command.received if sent.path == "/api/cart"] == []


@pytest.mark.parametrize("part", ["a%2Fb", "a%2fb%2Fc", "%2F", "no%20good", "caf%C3%A9", "%00", "a%25b", "x" * 500])
async def test_an_id_that_no_product_can_have_is_sent_on_as_one_segment(shop: Any, kit: Any, part: str) -> None:
    status, _ = await _raw(shop, "DELETE", f"/api/cart/items/{part}", kit.token())
    assert status == 200
    assert shop.command.last.path.lower() == f"/api/cart/items/{part}".lower()


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("DELETE", "/api/cart/items/" + "{" * 3_000),
        ("GET", "/api/products?cursor=" + "{" * 2_000 + "&q=" + "\u20ac" * 200 + "&category=" + "\u20ac" * 200),
    ],
)
async def test_a_target_that_is_too_long_once_encoded_is_414_and_not_sent_on(
    shop: Any, kit: Any, method: str, target: str
) -> None:
    status, answer = await _raw(shop, method, target, kit.token())
    assert (status, b"target-too-long" in answer) == (414, True)
    assert shop.command.received == shop.query.received == []


@pytest.mark.parametrize("page", ["/metrics", "/openapi.json", "/healthz", "/docs", "/docs/swagger-ui.css"])
async def test_a_page_with_a_line_break_is_another_page(shop: Any, page: str) -> None:
    answer = await shop.call("GET", f"{page}%0A")
    assert (answer.status_code, answer.json()["code"]) == (404, "not-found")


@pytest.mark.parametrize("authorization", ["Basic YTpi", "Digest x", "basic", "", "Negotiate"])
async def test_another_scheme_is_no_token(shop: Any, authorization: str) -> None:
    headers = {"Authorization": authorization}
    assert (await shop.call("GET", "/api/products", headers=headers)).status_code == 200
    refused = await shop.call("GET", "/api/cart", headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (401, "unauthenticated")


async def test_cors_is_off_by_default(shop: Any) -> None:
    preflight = {"Origin": "https://shop.example", "Access-Control-Request-Method": "GET"}
    answer = await shop.call("OPTIONS", "/api/products", headers=preflight)
    assert answer.status_code == 405
    read = await shop.call("GET", "/api/products", headers={"Origin": "https://shop.example"})
    assert not [name for name in (*answer.headers, *read.headers) if name.startswith("access-control")]


async def test_cors_answers_the_origins_of_the_setting(stack: AsyncExitStack, kit: Any) -> None:
    shop = await kit.open_shop(stack, cors_origins="https://shop.example, http://127.0.0.1:3000")
    wanted = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "idempotency-key,authorization",
    }
    preflight = await shop.call("OPTIONS", "/api/checkout", headers={"Origin": "https://shop.example"} | wanted)
    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] == "https://shop.example"
    assert "access-control-allow-credentials" not in preflight.headers
    read = await shop.call("GET", "/api/products", headers={"Origin": "http://127.0.0.1:3000"})
    assert read.headers["access-control-allow-origin"] == "http://127.0.0.1:3000"
    assert "consistency-token" in read.headers["access-control-expose-headers"].lower()
    other = await shop.call("GET", "/api/products", headers={"Origin": "https://other.example"})
    assert "access-control-allow-origin" not in other.headers
    refused = await shop.call("GET", "/api/cart", headers={"Origin": "https://shop.example"})
    assert (refused.status_code, "access-control-allow-origin" in refused.headers) == (401, True)
    assert shop.command.received == []


async def test_refused_callers_come_back_in_different_seconds(shop: Any) -> None:
    await shop.query.stop()
    answers = [await shop.call("GET", "/api/admin/orders", "admin") for _ in range(40)]
    waits = {answer.headers["retry-after"] for answer in answers}
    assert len(waits) > 1
    assert waits <= {"1", "2", "3", "4", "5"}
