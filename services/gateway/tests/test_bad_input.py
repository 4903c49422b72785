"""Bad input gets its status and problem at the edge, and nothing behind it is called."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
import pytest_asyncio

pytestmark = pytest.mark.asyncio(loop_scope="module")

ITEM = {"product_id": "A", "quantity": 1}
JSON = {"Content-Type": "application/json"}
ADDRESS = {"name": "Ann", "line1": "1 High St", "city": "Leeds", "postcode": "LS1", "country": "GB"}
ANN = {"email": "a@b.example", "password": "long enough", "name": "Ann"}
PRODUCT = {"product_id": "A", "name": "Mug", "category": "Mugs", "unit_amount": 1, "available": 0}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def one_shop(kit: Any) -> AsyncIterator[Any]:
    """Bad input leaves nothing behind, so one gateway serves all of these."""
    async with AsyncExitStack() as stack:
        yield await kit.open_shop(stack, rate_burst=10_000)


@pytest.fixture
def shop(one_shop: Any) -> Any:
    one_shop.query.received.clear()
    one_shop.command.received.clear()
    return one_shop


@pytest.mark.parametrize(
    ("path", "body", "pointer"),
    [
        ("/api/cart/items", ITEM | {"quantity": 0}, "/quantity"),
        ("/api/cart/items", ITEM | {"quantity": 100_001}, "/quantity"),
        ("/api/cart/items", ITEM | {"quantity": "1"}, "/quantity"),
        ("/api/cart/items", ITEM | {"quantity": 1.5}, "/quantity"),
        ("/api/cart/items", ITEM | {"quantity": True}, "/quantity"),
        ("/api/cart/items", ITEM | {"quantity": None}, "/quantity"),
        ("/api/cart/items", {"product_id": "A"}, "/quantity"),
        ("/api/cart/items", ITEM | {"product_id": "no good"}, "/product_id"),
        ("/api/cart/items", ITEM | {"product_id": "A" * 41}, "/product_id"),
        ("/api/cart/items", ITEM | {"colour": "red"}, "/colour"),
        ("/api/cart/items", ITEM | {"a/b~c": 1}, "/a~1b~0c"),
        ("/api/cart/items", [ITEM], ""),
        ("/api/checkout", {"payment_token": ""}, "/payment_token"),
        ("/api/checkout", {"payment_token": "a\x00b"}, "/payment_token"),
        ("/api/checkout", {"payment_token": "t", "expected_total_amount": -1}, "/expected_total_amount"),
        ("/api/checkout", {"payment_token": "t", "shipping_address": ADDRESS | {"country": "gb"}},
         "/shipping_address/country"),
        ("/api/checkout", {"payment_token": "t", "shipping_address": {}}, "/shipping_address/name"),
        ("/api/orders/{order}/cancel", {"reason": "x" * 501}, "/reason"),
        ("/api/admin/products", PRODUCT | {"unit_amount": 0}, "/unit_amount"),
        ("/api/admin/products", PRODUCT | {"unit_amount": 10_000_001}, "/unit_amount"),
        ("/api/admin/products", PRODUCT | {"available": -1}, "/available"),
        ("/api/admin/products", PRODUCT | {"name": " "}, "/name"),
        ("/api/admin/products/A/stock", {"delta": 10_000_001, "reason": "x"}, "/delta"),
        ("/api/customers", {"email": "a@b.example", "password": "short", "name": "Ann"}, "/password"),
        ("/api/customers", {"email": "no mail", "password": "long enough", "name": "Ann"}, "/email"),
        ("/api/customers", ANN | {"email": "<a@example.com>"}, "/email"),
        ("/api/customers", ANN | {"email": "a@-example.com"}, "/email"),
        ("/api/customers", ANN | {"name": "\u200b"}, "/name"),
        ("/api/customers", ANN | {"name": "Ann \u202egnaL"}, "/name"),
        ("/api/checkout", {"payment_token": "t", "shipping_address": ADDRESS | {"country": "ZZ"}},
         "/shipping_address/country"),
        ("/api/checkout", {"payment_token": "t", "shipping_address": ADDRESS | {"country": "UK"}},
         "/shipping_address/country"),
        ("/api/sessions", {"email": "a@b.example"}, "/password"),
        ("/api/sessions", {"password": "long enough"}, "/email"),
        ("/api/sessions", {"role": "admin"}, "/role"),
    ],
)  # fmt: skip
async def test_a_wrong_field_is_422_and_named(shop: Any, kit: Any, path: str, body: Any, pointer: str) -> None:
    role = None if path in ("/api/sessions", "/api/customers") else "admin"
    answer = await shop.call("POST", path.format(order=kit.ORDER_ID), role, json=body, headers={"Idempotency-Key": "k"})
    _assert_problem(answer, 422, "invalid")
    assert pointer in [error["pointer"] for error in answer.json()["errors"]]
    assert shop.command.received == []


@pytest.mark.parametrize("quantity", [b"NaN", b"Infinity", b"-Infinity", b"1e400", b"123456789012345678901234567890"])
async def test_a_number_that_is_none_is_422(shop: Any, quantity: bytes) -> None:
    body = b'{"product_id": "A", "quantity": ' + quantity + b"}"
    answer = await shop.call("POST", "/api/cart/items", "guest", content=body, headers=JSON)
    _assert_problem(answer, 422, "invalid")


@pytest.mark.parametrize(
    "body", [b"", b"{", b"nope", b'{"a": 1,}', b"\xff\xfe", b'{"a": "\xff"}', b"[" * 60_000, b'{"a": "\\ud800"}']
)
async def test_what_is_no_json_is_400(shop: Any, body: bytes) -> None:
    answer = await shop.call("POST", "/api/cart/items", "guest", content=body, headers=JSON)
    _assert_problem(answer, 400, "malformed")


@pytest.mark.parametrize(
    "body",
    [
        b'{"product_id":' * 17 + b"1" + b"}" * 17,
        b'{"product_id": "A", "quantity": ' + b"9" * 4_001 + b"}",
        b'{"product_id": [' + b"1," * 1_001 + b"1]}",
        b"[" * 30_000 + b"]" * 30_000,
        b"1" * 60_000,
    ],
)
async def test_json_beyond_the_bounds_is_422(shop: Any, body: bytes) -> None:
    answer = await shop.call("POST", "/api/cart/items", "guest", content=body, headers=JSON)
    _assert_problem(answer, 422, "invalid")
    assert answer.json()["errors"][0]["pointer"] == ""
    assert shop.command.received == []


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
async def test_another_media_type_is_415(shop: Any, content_type: str) -> None:
    headers = {"Content-Type": content_type}
    answer = await shop.call("POST", "/api/cart/items", "guest", content=b'{"a": 1}', headers=headers)
    _assert_problem(answer, 415, "unsupported-media-type")


@pytest.mark.parametrize("framing", ["Content-Length: 65537", "Transfer-Encoding: chunked"])
async def test_a_body_over_64_kib_is_413_before_its_end(shop: Any, kit: Any, framing: str) -> None:
    reader, writer = await asyncio.open_connection(shop.http.base_url.host, shop.http.base_url.port)
    writer.write(
        f"POST /api/cart/items HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {kit.token()}\r\n{framing}\r\n\r\n".encode()
    )
    if "chunked" in framing:
        writer.write(b"10001\r\n" + b" " * 0x10001 + b"\r\n")  # and no last chunk
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 2)
    writer.close()
    assert head.startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/api/products?limit=0", "limit"),
        ("/api/products?limit=101", "limit"),
        ("/api/products?limit=ten", "limit"),
        ("/api/products?limit=1_0", "limit"),
        ("/api/products?limit=1&limit=2", "limit"),
        ("/api/products?sort=colour", "sort"),
        ("/api/products?in_stock=yes", "in_stock"),
        ("/api/products?min_amount=-1", "min_amount"),
        ("/api/products?max_amount=1.5", "max_amount"),
        ("/api/products?q=%00", "q"),
        (f"/api/products?q={'x' * 201}", "q"),
        ("/api/products?colour=red", "colour"),
        ("/api/products?q=%ff", "q"),
        ("/api/products?" + "&".join(f"n{n}=1" for n in range(33)), ""),
        ("/api/products/A?limit=1", "limit"),
        ("/api/cart?limit=1", "limit"),
        ("/api/orders?status=lost", "status"),
        ("/api/admin/sales?from=yesterday", "from"),
        ("/api/admin/streams/product-A?at_version=0", "at_version"),
    ],
)
async def test_a_wrong_parameter_is_422_and_named(shop: Any, path: str, name: str) -> None:
    answer = await shop.call("GET", path, "admin")
    _assert_problem(answer, 422, "invalid")
    assert [error["pointer"] for error in answer.json()["errors"]] == [f"?{name}"]
    assert shop.query.received == []


async def test_an_empty_parameter_counts_as_not_given(shop: Any) -> None:
    answer = await shop.call("GET", "/api/products?q=&min_amount=&limit=&sort=")
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/api/products/no%20good", "product-unknown"),
        ("/api/products/%2E%2E/recommendations", "product-unknown"),
        (f"/api/products/{'A' * 41}", "product-unknown"),
        ("/api/products/%C3%A9/recommendations", "product-unknown"),
        ("/api/orders/1", "order-unknown"),
        ("/api/orders/1/history", "order-unknown"),
        ("/api/admin/streams/cart-1", "stream-unknown"),
        ("/api/admin/streams/secret-1", "stream-unknown"),
        ("/api/nothing", "not-found"),
        ("/api/products/", "not-found"),
        ("/", "not-found"),
    ],
)
async def test_what_cannot_be_is_404(shop: Any, path: str, code: str) -> None:
    _assert_problem(await shop.call("GET", path, "admin"), 404, code)
    assert shop.query.received == []


async def test_an_impossible_line_is_the_command_services_to_answer(shop: Any) -> None:
    answer = await shop.call("DELETE", "/api/cart/items/no%20good", "guest")
    assert answer.status_code == 200
    assert shop.command.last.path == "/api/cart/items/no%20good"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PATCH", "/api/cart", "DELETE, GET, HEAD"),
        ("POST", "/api/products", "GET, HEAD"),
        ("GET", "/api/checkout", "POST"),
        ("DELETE", "/api/orders", "GET, HEAD"),
        ("OPTIONS", "/api/profile", "GET, HEAD, PUT"),
    ],
)
async def test_another_method_is_405_and_told_every_one_that_there_is(
    shop: Any, method: str, path: str, allowed: str
) -> None:
    answer = await shop.call(method, path, "guest")
    _assert_problem(answer, 405, "method-not-allowed")
    assert answer.headers["allow"] == allowed


@pytest.mark.parametrize(
    "authorization", ["Bearer", "Bearer nonsense", "Basic YTpi", "Bearer a.b.c", "", "Bearer \xe9"]
)
async def test_a_bad_token_is_401(shop: Any, authorization: str) -> None:
    answer = await shop.call("GET", "/api/cart", headers={"Authorization": authorization.encode("latin-1")})
    _assert_problem(answer, 401, "unauthenticated")
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_no_token_is_401(shop: Any) -> None:
    _assert_problem(await shop.call("GET", "/api/cart"), 401, "unauthenticated")


@pytest.mark.parametrize(
    ("role", "path", "status"),
    [
        ("guest", "/api/profile", 403),
        ("customer", "/api/profile", 200),
        ("admin", "/api/profile", 200),
        ("guest", "/api/admin/orders", 403),
        ("customer", "/api/admin/orders", 403),
        ("admin", "/api/admin/orders", 200),
        ("guest", "/api/cart", 200),
    ],
)
async def test_each_role_gets_what_is_its_own(shop: Any, role: Any, path: str, status: int) -> None:
    assert (await shop.call("GET", path, role)).status_code == status


async def test_checkout_without_a_key_is_400(shop: Any) -> None:
    answer = await shop.call("POST", "/api/checkout", "guest", json={"payment_token": "t"})
    _assert_problem(answer, 400, "idempotency-key-missing")


@pytest.mark.parametrize(
    ("name", "value", "status", "code"),
    [
        ("Idempotency-Key", "k" * 256, 422, "invalid"),
        ("Idempotency-Key", "a b", 422, "invalid"),
        ("Idempotency-Key", "\xe9", 422, "invalid"),
        ("If-Match", "3", 422, "invalid"),
        ("If-Match", '"three"', 422, "invalid"),
        ("If-Match", "*, *", 422, "invalid"),
        ("If-Match", '"1", "2"', 422, "invalid"),
        ("X-Request-Timeout-Ms", "0", 422, "invalid"),
        ("X-Request-Timeout-Ms", "60001", 422, "invalid"),
        ("X-Request-Timeout-Ms", "soon", 422, "invalid"),
    ],
)
async def test_a_wrong_header_of_a_command(shop: Any, name: str, value: str, status: int, code: str) -> None:
    answer = await shop.call("DELETE", "/api/cart", "guest", headers={name: value.encode("latin-1")})
    _assert_problem(answer, status, code)
    assert [error["pointer"] for error in answer.json()["errors"]] == [name]
    assert shop.command.received == []


@pytest.mark.parametrize("token", ["nonsense", "cart-1@2", "cart@1", "product-A@-1", "product-A@1,", "product-A@1 x"])
async def test_a_consistency_token_that_is_none_is_400(shop: Any, token: str) -> None:
    answer = await shop.call("GET", "/api/cart", "guest", headers={"Consistency-Token": token})
    _assert_problem(answer, 400, "consistency-token-invalid")
    assert shop.query.received == []


async def test_several_lines_of_tokens_are_one(shop: Any) -> None:
    headers = [("Consistency-Token", "product-A@1"), ("Consistency-Token", "product-B@2,product-C@3")]
    await shop.call("GET", "/api/cart", "guest", headers=headers)
    assert shop.query.last.headers["consistency-token"] == "product-A@1, product-B@2,product-C@3"


def _assert_problem(answer: Any, status: int, code: str) -> None:
    assert (answer.status_code, answer.json().get("code")) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == status
    assert body["request_id"] == answer.headers["x-request-id"]
    assert body["instance"].startswith("/")
    assert "traceparent" in answer.headers
