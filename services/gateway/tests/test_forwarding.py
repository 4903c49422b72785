"""What goes to which service, and how, and what comes back."""

import re
from typing import Any

import httpx
import pytest

PRODUCT = {"product_id": "85123A", "name": "WHITE HANGING HEART", "unit_amount": 255}


async def test_a_product_is_read_from_the_query_service(shop: Any) -> None:
    shop.query.then(200, PRODUCT, Served_From="read-model")
    answer = await shop.call("GET", "/api/products/85123A")
    assert answer.status_code == 200
    assert answer.json() == PRODUCT
    assert answer.headers["served-from"] == "read-model"
    assert shop.query.last.path == "/api/products/85123A"
    assert shop.command.received == []


async def test_what_is_validated_of_a_query_is_what_is_sent_on(shop: Any) -> None:
    await shop.call("GET", "/api/products?q=caf%c3%a9+mug%09&sort=-price&limit=05&&in_stock=true&category=&cursor=%61")
    assert shop.query.last.query == "cursor=a&in_stock=true&limit=5&q=caf%C3%A9%20mug&sort=-price"


async def test_parameters_as_by_default_are_the_same_call(shop: Any) -> None:
    shop.query.then(200, {"items": [], "next_cursor": None, "total": 0})
    for query in ("", "?limit=20", "?sort=relevance&in_stock=false", "?q="):
        assert (await shop.call("GET", f"/api/products{query}")).status_code == 200
    assert [sent.query for sent in shop.query.received] == [""]


async def test_a_star_goes_on_to_the_command_service(shop: Any) -> None:
    await shop.call("DELETE", "/api/cart", "guest", headers={"If-Match": "*"})
    assert shop.command.last.headers["if-match"] == "*"


async def test_a_command_goes_to_the_command_service_byte_for_byte(shop: Any, kit: Any) -> None:
    shop.command.then(200, {"cart_id": kit.GUEST_ID, "version": 4}, Consistency_Token=f"cart-{kit.GUEST_ID}@4")
    body = b'{ "quantity": 2,\n "product_id": "85123A" }'
    answer = await shop.call(
        "POST", "/api/cart/items", "guest", content=body, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 200
    assert answer.headers["consistency-token"] == f"cart-{kit.GUEST_ID}@4"
    assert shop.command.last.body == body
    assert shop.command.last.headers["content-type"] == "application/json"
    assert shop.command.last.headers["authorization"] == f"Bearer {kit.token('guest')}"


async def test_every_hop_shares_request_id_and_trace(shop: Any) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    answer = await shop.call("GET", "/api/products/1", headers={"X-Request-Id": "mine-7", "traceparent": trace})
    inner = shop.query.last.headers
    assert answer.headers["x-request-id"] == inner["x-request-id"] == "mine-7"
    assert answer.headers["traceparent"] == inner["traceparent"]
    assert inner["traceparent"].split("-")[1] == "0af7651916cd43dd8448eb211c80319c"
    assert inner["traceparent"] != trace


async def test_a_command_without_a_key_is_given_one(shop: Any) -> None:
    for _ in range(2):
        await shop.call("DELETE", "/api/cart", "guest")
    keys = [received.headers["idempotency-key"] for received in shop.command.received]
    assert len(set(keys)) == 2
    assert all(re.fullmatch("[0-9a-f]{32}", key) for key in keys)


async def test_the_callers_key_and_version_are_passed_on(shop: Any) -> None:
    headers = {"Idempotency-Key": "k-1", "If-Match": '"3"'}
    await shop.call("PUT", "/api/cart/items/A", "guest", json={"quantity": 1}, headers=headers)
    assert shop.command.last.headers["idempotency-key"] == "k-1"
    assert shop.command.last.headers["if-match"] == '"3"'


async def test_headers_that_are_not_the_contracts_stay_outside(shop: Any) -> None:
    shop.query.then(200, PRODUCT, X_Inner="secret", Set_Cookie="a=b")
    headers = {"Cookie": "holdfast_token=x", "X-Attempt": "2", "X-Forwarded-For": "1.2.3.4"}
    answer = await shop.call("GET", "/api/products/1", headers=headers)
    inner = shop.query.last.headers
    assert not {"cookie", "x-attempt", "x-forwarded-for"} & set(inner)
    assert "x-inner" not in answer.headers
    assert "set-cookie" not in answer.headers


async def test_what_is_left_of_the_time_is_passed_on(shop: Any) -> None:
    own = {"Cache-Control": "no-cache"}  # else several callers might share it, with a time of its own
    await shop.call("GET", "/api/products/1", headers=own | {"X-Request-Timeout-Ms": "200"})
    short = int(shop.query.last.headers["x-request-timeout-ms"])
    await shop.call("GET", "/api/products/1", headers=own | {"X-Request-Timeout-Ms": "60000"})
    long = int(shop.query.last.headers["x-request-timeout-ms"])
    assert 50 < short <= 190
    assert short < long <= 250


async def test_checkout_gets_nearly_all_of_its_time_in_one_attempt(shop: Any) -> None:
    headers = {"Idempotency-Key": "k"}
    await shop.call("POST", "/api/checkout", "guest", json={"payment_token": "tok_visa"}, headers=headers)
    assert 1300 < int(shop.command.last.headers["x-request-timeout-ms"]) <= 1490


@pytest.mark.parametrize(
    ("status", "code"),
    [(404, "product-unknown"), (409, "cart-full"), (412, "version-mismatch"), (422, "idempotency-key-reused")],
)
async def test_a_refusal_comes_through_as_it_is(shop: Any, status: int, code: str) -> None:
    shop.command.then_problem(status, code)
    answer = await shop.call("POST", "/api/cart/items", "guest", json={"product_id": "A", "quantity": 1})
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == code


async def test_a_declined_payment_is_402_with_its_order(shop: Any, kit: Any) -> None:
    shop.command.then(402, {"code": "payment-declined", "order_id": kit.ORDER_ID})
    answer = await shop.call(
        "POST", "/api/checkout", "guest", json={"payment_token": "tok_declined"}, headers={"Idempotency-Key": "k"}
    )
    assert answer.status_code == 402
    assert answer.json()["order_id"] == kit.ORDER_ID


async def test_a_replayed_answer_says_so(shop: Any) -> None:
    shop.command.then(201, {"order_id": "x"}, Idempotency_Replayed="true")
    answer = await shop.call(
        "POST", "/api/checkout", "guest", json={"payment_token": "t"}, headers={"Idempotency-Key": "k"}
    )
    assert (answer.status_code, answer.headers["idempotency-replayed"]) == (201, "true")


@pytest.mark.parametrize(
    ("method", "path", "target"),
    [
        ("GET", "/api/orders/{order}/history", "command"),
        ("GET", "/api/admin/streams/product-85123A?at_version=2", "command"),
        ("GET", "/api/admin/orders?status=paid", "query"),
        ("GET", "/api/admin/customers?q=ann", "query"),
        ("GET", "/api/admin/sales?from=2010-12-01&to=2010-12-31T23:59:59Z", "query"),
        ("GET", "/api/products/A/recommendations", "query"),
        ("GET", "/api/profile", "query"),
        ("GET", "/api/orders?status=paid", "query"),
        ("DELETE", "/api/admin/products/A", "command"),
    ],
)
async def test_each_call_reaches_its_service(shop: Any, kit: Any, method: str, path: str, target: str) -> None:
    answer = await shop.call(method, path.format(order=kit.ORDER_ID), "admin")
    assert answer.status_code == 200
    reached = shop.query if target == "query" else shop.command
    assert [received.path for received in reached.received] == [httpx.URL(path.format(order=kit.ORDER_ID)).path]


async def test_the_bulk_of_an_answer_comes_through_unread(shop: Any) -> None:
    body = b"[" + b"1," * 200_000 + b"1]"
    shop.query.then(200, body)
    answer = await shop.call("GET", "/api/products")
    assert answer.content == body
