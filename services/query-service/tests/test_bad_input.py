"""Whatever is sent is answered as API.md says, never by a 500."""

from typing import Any
from uuid import uuid4

import httpx
import pytest

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
