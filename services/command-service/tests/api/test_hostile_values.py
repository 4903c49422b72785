"""Whatever a public input holds, PostgreSQL's part in it is no 5xx and moves no breaker."""

from collections.abc import Callable
from json import dumps
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest

from command_service.testing.service import Service
from holdfast.contracts.cursors import encode_cursor

JSON = {"Content-Type": "application/json"}
TEXTS = [
    "\0", "a\0b", "\ud800", "\udfff\ud800", "\uffff", "\U0010ffff", "\u202e", "x" * 3_000, "'; DROP TABLE events; --",
    "%", "\\", "null", "{}", "1e400", "\x7f", "\r\n", ".", "..", "../..", "-", "\u0000" * 40,
]  # fmt: skip
NUMBERS: list[Any] = [
    -1, 0, 2**31, 2**53, 2**63, 2**64, 10**30, 10**400, -(10**400), 0.5, 1e308, float("inf"), float("nan"), True, None,
]  # fmt: skip


@pytest.fixture(autouse=True)
def only_calls_move_the_breaker(switch_off: Callable[..., None]) -> None:
    """The service's own look at PostgreSQL counts too, and misses its 0.3 s on a busy machine."""
    switch_off("probe")


def encoded(text: str) -> str:
    return quote(text.encode("utf-8", "surrogatepass"), safe="")


async def state(service: Service) -> list[tuple[str, float]]:
    lines = (await service.client.get("/status")).json()["dependencies"]
    return [(line["breaker"], line["error_rate"]) for line in lines if line["to"].startswith("postgresql")]


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
async def test_a_text_that_cannot_be_is_refused_wherever_it_comes(service: Service, text: str) -> None:
    await service.product("mug")
    before = await state(service)
    admin, someone, part = service.admin(), service.someone(), encoded(text)
    answers = [
        *[await admin.get(path) for path in (
            f"/api/products/{part}", f"/api/orders/{part}", f"/api/orders/{part}/history", f"/api/admin/streams/{part}",
            f"/api/admin/streams/product-{part}", f"/api/orders?cursor={part}", f"/api/orders?status={part}",
            f"/api/orders?cursor={encode_cursor(('2026-02-03T04:05:06Z', str(uuid4())), {})}&limit={part}",
        )],
        await someone.call("PUT", f"/api/cart/items/{part}", json={"quantity": 1}),
        await someone.call("DELETE", f"/api/cart/items/{part}"),
        *[await admin.call(method, f"/api/admin/products/{part}{rest}", json=body) for method, rest, body in (
            ("PUT", "/price", {"unit_amount": 1}), ("POST", "/stock", {"delta": 1, "reason": "x"}), ("DELETE", "", None)
        )],
        await admin.call("POST", f"/api/orders/{part}/cancel", json={"reason": "x"}),
        await admin.call("POST", f"/api/admin/orders/{part}/ship", json={}),
    ]  # fmt: skip
    assert [answer.status_code for answer in answers if answer.status_code >= 500] == []
    assert await state(service) == before


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
async def test_a_text_that_cannot_be_is_refused_in_every_field(service: Service, text: str) -> None:
    await service.product("mug")
    before = await state(service)
    admin, someone = service.admin(), service.someone()
    product = {"product_id": "p", "name": "n", "category": "c", "unit_amount": 1, "available": 0, "description": "d"}
    customer = {"email": "a@example.com", "password": "long enough", "name": "n"}
    address = {"name": "n", "line1": "l", "line2": "l", "city": "c", "postcode": "p", "country": "GB"}
    sign_in, checkout = {"email": "a@example.com", "password": "x"}, {"payment_token": "t"}
    calls: list[tuple[Any, str, dict[str, Any]]] = [
        *((admin, "/api/admin/products", product | {name: text}) for name in product if isinstance(product[name], str)),
        *((someone, "/api/customers", customer | {name: text}) for name in customer),
        *((someone, "/api/sessions", sign_in | {name: text}) for name in sign_in),
        *((someone, "/api/checkout", checkout | {"shipping_address": address | {name: text}}) for name in address),
        (someone, "/api/checkout", {"payment_token": text}),
        (someone, "/api/cart/items", {"product_id": text, "quantity": 1}),
        (someone, "/api/cart/items", {text: 1}),
        (someone, f"/api/orders/{uuid4()}/cancel", {"reason": text}),
        (admin, "/api/admin/products/mug/stock", {"delta": 1, "reason": text}),
    ]  # fmt: skip
    for caller, path, body in calls:
        answer = await caller.call("POST", path, content=dumps(body), headers=JSON, key=f"k{uuid4()}")
        assert answer.status_code < 500, (path, body, answer.text)
    assert await state(service) == before


@pytest.mark.parametrize("number", NUMBERS, ids=range(len(NUMBERS)))
async def test_a_number_that_cannot_be_is_refused_wherever_it_comes(service: Service, number: Any) -> None:
    await service.product("mug")
    before = await state(service)
    admin, someone, text = service.admin(), service.someone(), "NaN" if number != number else str(number)
    json = {True: "true", None: "null"}.get(number, text.replace("inf", "1e400"))
    answers = [
        await admin.get(f"/api/admin/streams/product-mug?at_version={text}"),
        await admin.get(f"/api/orders?limit={text}"),
        await admin.get("/api/products/mug", headers={"Consistency-Token": f"product-mug@{text}"}),
        await someone.call("DELETE", "/api/cart", headers={"If-Match": f'"{text}"'}),
        await someone.call(
            "POST", "/api/cart/items", content=f'{{"product_id":"mug","quantity":{json}}}', headers=JSON
        ),
        await someone.call("PUT", "/api/cart/items/mug", content=f'{{"quantity":{json}}}', headers=JSON),
        await admin.call("PUT", "/api/admin/products/mug/price", content=f'{{"unit_amount":{json}}}', headers=JSON),
        await admin.call(
            "POST", "/api/admin/products/mug/stock", content=f'{{"delta":{json},"reason":"x"}}', headers=JSON
        ),
        await someone.call(
            "POST",
            "/api/checkout",
            content=f'{{"payment_token":"t","expected_total_amount":{json}}}',
            headers=JSON,
            key="k",
        ),
    ]
    assert [answer.status_code for answer in answers if answer.status_code >= 500] == []
    assert await state(service) == before


VALUES: list[Any] = [
    "x", "", "a\0b", "x" * 1_000, -1, 0, 1, 2**53, 2**53 + 1, 2**63 - 1, 1.5, 1e300, True, None, [], {},
    "2026-02-03T04:05:06Z", "1969-12-31T23:59:59Z", "9999-12-31T23:59:59Z", "2261-12-31T23:59:59.999999Z", str(uuid4()),
]  # fmt: skip


async def test_a_forged_cursor_is_400_or_a_page(service: Service) -> None:
    admin, order_id = service.admin(), str(uuid4())
    lists: list[tuple[str, dict[str, object]]] = [
        ("/api/orders?", {"list": "orders", "status": None}),
        ("/api/orders?status=paid", {"list": "orders", "status": "paid"}),
        (f"/api/orders/{order_id}/history?", {"list": "order-history", "order_id": order_id}),
    ]
    before = await state(service)
    for path, scope in lists:
        places = [(), *((value,) for value in VALUES), *((one, other) for one in VALUES for other in VALUES)]
        for at in places:
            answer = await admin.get(f"{path}&cursor={encode_cursor(at, scope)}")
            assert answer.status_code in (200, 400, 404), (path, at, answer.text)
            assert answer.status_code != 400 or answer.json()["code"] == "cursor-invalid"
    assert await state(service) == before
