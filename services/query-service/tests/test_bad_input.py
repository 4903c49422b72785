"""Whatever is sent is answered as API.md says, never by a 500."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import httpx
import pytest

from holdfast.contracts.cursors import encode_cursor
from query_service.search.products import ProductSearch

LISTS = ["/api/products", "/api/orders", "/api/admin/orders", "/api/admin/customers"]


@pytest.fixture
def admin(bearer: Any) -> dict[str, str]:
    headers: dict[str, str] = bearer(str(uuid4()), "admin")
    return headers


async def refused(client: httpx.AsyncClient, url: str, headers: dict[str, str]) -> list[dict[str, str]]:
    answer = await client.get(url, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid"), (url, answer.text)
    assert answer.headers["Content-Type"] == "application/problem+json"
    errors: list[dict[str, str]] = answer.json()["errors"]
    return errors


@pytest.mark.parametrize("path", LISTS)
async def test_lists_refuse_bad_limits_and_unknown_or_repeated_parameters(
    client: httpx.AsyncClient, admin: dict[str, str], path: str
) -> None:
    for limit in ("0", "101", "-1", "x", "1.5", "+5", "1e2", "١", "NaN", "1" * 30, "0x10", "5;6"):
        errors = await refused(client, f"{path}?limit={limit.replace('+', '%2B')}", admin)
        assert errors[0]["pointer"] == "?limit"
    assert (await refused(client, f"{path}?colour=red", admin))[0]["pointer"] == "?colour"
    assert (await refused(client, f"{path}?limit=5&limit=5", admin))[0]["pointer"] == "?limit"


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("cursor", ["x", "%00", "é", "e30", "A" * 3_000, "eyJhdCI6W10sIm9mIjoiIn0"])
async def test_a_cursor_that_is_none_is_400(
    client: httpx.AsyncClient, admin: dict[str, str], path: str, cursor: str
) -> None:
    answer = await client.get(f"{path}?cursor={cursor}", headers=admin)
    assert (answer.status_code, answer.json()["code"]) == (400, "cursor-invalid")


@pytest.mark.parametrize(
    "query",
    [
        "q=%00", "q=a%0Ab", "q=a%7F", "q=%C2%85", f"q={'x' * 201}", f"category={'x' * 201}", "category=%1f",
        "min_amount=-1", "min_amount=1.0", "max_amount=x", f"max_amount={10**12}", "in_stock=yes", "in_stock=1",
        "sort=cheap", "sort=Price", "sort=price,name", "status=paid",
    ],
)  # fmt: skip
async def test_products_refuse_what_is_out_of_range(client: httpx.AsyncClient, query: str) -> None:
    await refused(client, f"/api/products?{query}", {})


@pytest.mark.parametrize("path", ["/api/orders", "/api/admin/orders"])
async def test_orders_refuse_an_unknown_status(client: httpx.AsyncClient, admin: dict[str, str], path: str) -> None:
    for status in ("lost", "PAID", "paid,shipped"):
        assert (await refused(client, f"{path}?status={status}", admin))[0]["pointer"] == "?status"


@pytest.mark.parametrize(
    "day",
    ["yesterday", "2010-13-01", "2010-02-30", "20101201", "2010-12-01T00:00:00", "1969-12-31", "2201-01-01",
     "0001-01-01T00:00:00%2B10:00", "9999-12-31T23:59:59-10:00", "1291161600"],
)  # fmt: skip
async def test_sales_refuse_days_that_are_none(client: httpx.AsyncClient, admin: dict[str, str], day: str) -> None:
    for name in ("from", "to"):
        assert (await refused(client, f"/api/admin/sales?{name}={day}", admin))[0]["pointer"] == f"?{name}"


@pytest.mark.parametrize(
    "path", ["/api/cart", "/api/profile", "/api/products/p", "/api/orders/01a20b4e-e047-7074-8be6-76c89d3aa1d2"]
)
async def test_reads_without_parameters_refuse_any(client: httpx.AsyncClient, admin: dict[str, str], path: str) -> None:
    assert (await refused(client, f"{path}?limit=5", admin))[0]["pointer"] == "?limit"


async def test_parameters_left_empty_in_a_form_count_as_not_given(client: httpx.AsyncClient) -> None:
    empty = "q=&category=&min_amount=&max_amount=&in_stock=&sort=&limit=&cursor="
    assert (await client.get(f"/api/products?{empty}")).status_code == 200


async def test_bytes_that_are_no_text_are_harmless(client: httpx.AsyncClient) -> None:
    assert (await refused(client, "/api/products?q=%ff%fe%f0", {}))[0]["pointer"] == "?q"
    assert (await client.get("/api/products/%ff%fe")).status_code == 404


async def test_other_methods_and_paths_are_problems(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/products")
    assert (answer.status_code, answer.json()["code"]) == (405, "method-not-allowed")
    answer = await client.get("/api/nothing")
    assert (answer.status_code, answer.json()["code"]) == (404, "not-found")
    assert (await client.get("/openapi.json")).status_code == 404


VALUES: list[Any] = [
    "x", "", "\u00e9", "\U0010ffff", "a\u202eb", "x" * 200, "x" * 201, "x" * 1_200, "a\0b", "A", ".", "..", "null",
    "NaN", "*", 0, -1, 1, 100, 10_000_001, 2**53, 2**63 - 1, -(2**63), 0.0, -0.0, 1.5, 1e300, -1e300, 5e-324,
    True, False, None, [], {}, ["x"], {"a": 1}, "2026-02-03T04:05:06.789012Z", "2026-02-03", "1969-12-31T23:59:59Z",
    "9999-12-31T23:59:59Z", "2261-12-31T23:59:59.999999Z", "2262-04-12T00:00:00Z", "-0001-01-01T00:00:00Z", "0",
    "1e400", "01a20b4e-e047-7074-8be6-76c89d3aa1d2", "01A20B4EE04770748BE676C89D3AA1D2",
]  # fmt: skip
CURSORS: list[tuple[str, dict[str, object]]] = [
    ("/api/products?sort=price", ProductSearch(sort="price").scope()),
    ("/api/products?sort=-price", ProductSearch(sort="-price").scope()),
    ("/api/products?sort=newest", ProductSearch(sort="newest").scope()),
    ("/api/products?", ProductSearch().scope()),
    ("/api/products?q=mug", ProductSearch(q="mug").scope()),
    ("/api/orders?", {"list": "orders", "status": None}),
    ("/api/admin/orders?status=paid", {"list": "admin-orders", "status": "paid", "q": None}),
    ("/api/admin/customers?", {"list": "admin-customers", "q": None}),
]  # fmt: skip


@pytest.mark.parametrize(("path", "scope"), CURSORS)
async def test_a_forged_cursor_is_no_trouble_of_elasticsearchs(
    client: httpx.AsyncClient,
    admin: dict[str, str],
    switch_off: Callable[..., None],
    path: str,
    scope: dict[str, object],
) -> None:
    """Any first value with an id that may be, any second one with a first that may be, and other shapes."""
    firsts = [*((value, "a") for value in VALUES), *((value, str(uuid4())) for value in VALUES)]
    seconds = [(first, value) for first in (1, 8.0, "x", "2026-02-03T04:05:06Z") for value in VALUES]
    forged = [*firsts, *seconds, (), ("x",), ("x", "y", "z")]
    switch_off("probe")  # the service's own look counts too, and may be late on a busy machine
    before = (await client.get("/status")).json()["dependencies"]
    seen: set[tuple[int, str]] = set()
    for at in forged:
        cursor = encode_cursor(at, scope)
        answer = await client.get(path + "&cursor=" + cursor, headers=admin)
        seen.add((answer.status_code, answer.json().get("code", "")))
    assert seen == {(200, ""), (400, "cursor-invalid")}
    after = (await client.get("/status")).json()["dependencies"]
    assert [(one["breaker"], one["error_rate"]) for one in after] == [(one["breaker"], 0) for one in before]


@pytest.mark.parametrize("order_id", ["x", "x" * 600, "%00", "é", "..%2f", "01a20b4e-e047-7074-8be6-76c89d3aa1d2%0a"])
async def test_what_is_no_order_id_is_unknown(client: httpx.AsyncClient, admin: dict[str, str], order_id: str) -> None:
    answer = await client.get(f"/api/orders/{order_id}", headers=admin)
    assert (answer.status_code, answer.json()["code"]) in {(404, "order-unknown"), (404, "not-found")}


async def test_a_query_may_have_a_blank_at_its_end_and_an_unescaped_offset(
    client: httpx.AsyncClient, admin: dict[str, str]
) -> None:
    for query in ("q=mug%09", "q=+mug%20", "q=caf\u00e9"):
        assert (await client.get(f"/api/products?{query}")).status_code == 200
    answer = await client.get(
        "/api/admin/sales?from=2010-12-01T00:00:00+02:00&to=2010-12-02T00:00:00%2B02:00", headers=admin
    )
    assert answer.status_code == 200
