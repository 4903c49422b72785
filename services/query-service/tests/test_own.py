"""A caller's own cart, orders and profile, and what an admin sees of all."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from holdfast.contracts.cursors import encode_order_cursor
from holdfast.contracts.messages import rfc3339

Json = dict[str, Any]
Make = Callable[..., Json]
Bearer = Callable[[str, str], dict[str, str]]
ADDRESS = {"name": "Ann", "line1": "1 Quay", "line2": None, "city": "Leith", "postcode": "EH6", "country": "GB"}


@pytest.fixture
def me() -> str:
    return str(uuid4())


def placed(n: int) -> str:
    return rfc3339(datetime(2026, 1, 1, tzinfo=UTC) + timedelta(microseconds=n))


async def test_a_cart_joins_names_and_prices_as_they_are_now(
    shop: Any, client: httpx.AsyncClient, bearer: Bearer, product: Make, me: str
) -> None:
    mug, tea = product("MUG", unit_amount=150), product("TEA", unit_amount=99, discontinued=True)
    pot = product("POT", unit_amount=1000, available=4)
    shop.write("products", mug, tea, pot)
    quantities = ((tea, 3), (mug, 2), (pot, 5))
    lines = [{"product_id": each["product_id"], "quantity": quantity} for each, quantity in quantities]
    shop.write("carts", {"cart_id": me, "lines": lines, "version": 7})
    shop.write("products", {**mug, "unit_amount": 160, "version": 2}, refresh=False)
    answer = await client.get("/api/cart", headers=bearer(me, "guest"))
    assert answer.json() == {
        "cart_id": me,
        "lines": [
            {
                "product_id": tea["product_id"],
                "name": "TEA",
                "quantity": 3,
                "unit_amount": 99,
                "line_amount": 0,
                "available": 0,
            },
            {"product_id": mug["product_id"], "name": "MUG", "quantity": 2, "unit_amount": 160, "line_amount": 320},
            {
                "product_id": pot["product_id"],
                "name": "POT",
                "quantity": 5,
                "unit_amount": 1000,
                "line_amount": 0,
                "available": 4,
            },
        ],
        "total_amount": 320,
        "currency": "GBP",
        "version": 7,
    }
    assert answer.headers["Served-From"] == "read-model"


async def test_a_cart_never_used_is_empty_at_version_0(client: httpx.AsyncClient, bearer: Bearer, me: str) -> None:
    answer = await client.get("/api/cart", headers=bearer(me, "guest"))
    empty = {"cart_id": me, "lines": [], "total_amount": 0, "currency": "GBP", "version": 0}
    assert (answer.status_code, answer.json()) == (200, empty)


async def test_a_cart_of_two_thousand_lines_is_read_whole(
    shop: Any, client: httpx.AsyncClient, bearer: Bearer, product: Make, me: str
) -> None:
    made = [product(f"P{n}", unit_amount=n + 1) for n in range(2_000)]
    shop.write("products", *made)
    lines = [{"product_id": each["product_id"], "quantity": 1} for each in made]
    shop.write("carts", {"cart_id": me, "lines": lines, "version": 2_000})
    body = (await client.get("/api/cart", headers=bearer(me, "guest"))).json()
    assert len(body["lines"]) == 2_000
    assert body["total_amount"] == 2_001_000


async def test_a_cart_ahead_of_its_products_is_behind_and_never_shows_a_made_up_price(
    shop: Any, client: httpx.AsyncClient, bearer: Bearer, product: Make, me: str
) -> None:
    late = product("LATE")
    lines = [{"product_id": late["product_id"], "quantity": 2}]
    shop.write("carts", {"cart_id": me, "lines": lines, "version": 1})
    for token in ({}, {"Consistency-Token": f"cart-{me}@1"}):
        answer = await client.get("/api/cart", headers={**bearer(me, "guest"), **token})
        assert (answer.status_code, answer.json()["code"]) == (425, "read-model-behind")
    shop.write("products", late, refresh=False)
    assert (await client.get("/api/cart", headers=bearer(me, "guest"))).json()["total_amount"] == 200


async def test_own_orders_are_listed_newest_first_to_the_microsecond(
    shop: Any, client: httpx.AsyncClient, bearer: Bearer, order: Make, me: str
) -> None:
    mine = [order(me, placed_at=placed(n // 2)) for n in range(9)]
    shop.write("orders", *mine, order(str(uuid4())))
    expected = sorted(mine, key=lambda one: (datetime.fromisoformat(one["placed_at"]), one["order_id"]), reverse=True)
    headers, found, cursor = bearer(me, "guest"), [], None
    for _ in range(3):
        params = {"limit": 4} | ({"cursor": cursor} if cursor else {})
        page = (await client.get("/api/orders", params=params, headers=headers)).json()
        assert page["total"] == 9
        found += page["items"]
        cursor = page["next_cursor"]
    assert cursor is None
    fields = ("order_id", "status", "total_amount", "currency", "placed_at", "version")
    assert found == [{name: one[name] for name in fields} for one in expected]


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5, 8, 11])
@pytest.mark.parametrize("status", ["paid", "shipped"])
async def test_pages_in_the_order_of_time_lose_nothing_where_times_are_equal(
    shop: Any, client: httpx.AsyncClient, bearer: Bearer, order: Make, me: str, limit: int, status: str
) -> None:
    listed = [order(me, placed_at=placed(at), status=status) for at in (1, 2, 2, 2, 2, 2, 3, 4, 4, 5, 5)]
    shop.write("orders", *listed)
    newest_first = status != "paid"
    places = [(datetime.fromisoformat(one["placed_at"]), one["order_id"]) for one in listed]
    expected = [order_id for _, order_id in sorted(places, reverse=newest_first)]
    found: list[str] = []
    cursor = None
    while cursor is not None or not found:
        params = {"limit": limit, "q": me, "status": status} | ({"cursor": cursor} if cursor else {})
        page = (await client.get("/api/admin/orders", params=params, headers=bearer(str(uuid4()), "admin"))).json()
        assert page["total"] == len(listed)
        assert 0 < len(page["items"]) <= limit
        found += [item["order_id"] for item in page["items"]]
        cursor = page["next_cursor"]
    assert found == expected


async def test_own_orders_take_the_write_models_cursor(
    shop: Any, client: httpx.AsyncClient, bearer: Bearer, order: Make, me: str
) -> None:
    older, newer = order(me, placed_at=placed(1)), order(me, placed_at=placed(2))
    shop.write("orders", older, newer)
    cursor = encode_order_cursor(datetime.fromisoformat(newer["placed_at"]), UUID(newer["order_id"]), "paid")
    params = {"status": "paid", "cursor": cursor}
    page = (await client.get("/api/orders", params=params, headers=bearer(me, "guest"))).json()
    assert [item["order_id"] for item in page["items"]] == [older["order_id"]]
    answer = await client.get("/api/orders", params={"cursor": cursor}, headers=bearer(me, "guest"))
    assert (answer.status_code, answer.json()["code"]) == (400, "cursor-invalid")


async def test_own_orders_by_status(shop: Any, client: httpx.AsyncClient, bearer: Bearer, order: Make, me: str) -> None:
    shop.write("orders", order(me, status="shipped"), order(me, status="cancelled"), order(me))
    page = (await client.get("/api/orders", params={"status": "cancelled"}, headers=bearer(me, "guest"))).json()
    assert [item["status"] for item in page["items"]] == ["cancelled"]
    assert page["total"] == 1


async def test_an_order_shows_its_details_to_its_owner_and_to_admins_only(
    shop: Any, client: httpx.AsyncClient, bearer: Bearer, order: Make, me: str
) -> None:
    sent = {"carrier": "Royal Mail", "tracking": "RM1"}
    made = order(me, status="cancelled", refund="pending", shipping_address=ADDRESS, **sent)
    shop.write("orders", made)
    fields = ("order_id", "status", "total_amount", "currency", "placed_at", "version")
    expected = {name: made[name] for name in (*fields, "lines", "shipping_address", "refund")}
    expected |= sent
    path = f"/api/orders/{made['order_id']}"
    assert (await client.get(path, headers=bearer(me, "guest"))).json() == expected
    assert (
        await client.get(path.upper().replace("/API/ORDERS", "/api/orders"), headers=bearer(me, "guest"))
    ).is_success
    assert (await client.get(path, headers=bearer(str(uuid4()), "admin"))).json() == expected
    for other in (bearer(str(uuid4()), "customer"), bearer(str(uuid4()), "guest")):
        answer = await client.get(path, headers=other)
        assert (answer.status_code, answer.json()["code"]) == (404, "order-unknown")


@pytest.mark.parametrize("order_id", ["7", "01a20b4e-e047-7074-8be6-76c89d3aa1d2", "%00", "a" * 600, "%F0%9F%8F%AE"])
async def test_an_unknown_order_is_404(client: httpx.AsyncClient, bearer: Bearer, me: str, order_id: str) -> None:
    answer = await client.get(f"/api/orders/{order_id}", headers=bearer(me, "guest"))
    assert (answer.status_code, answer.json()["code"]) == (404, "order-unknown")


def customer(name: str, email: str, **fields: Any) -> Json:
    document = {
        "customer_id": str(uuid4()),
        "name": name,
        "email": email,
        "role": "customer",
        "address": ADDRESS,
        "registered_at": rfc3339(datetime.now(UTC)),
        "version": 3,
    }
    return document | fields


async def test_the_profile_is_the_callers_own_and_guests_have_none(
    shop: Any, client: httpx.AsyncClient, bearer: Bearer, me: str
) -> None:
    shop.write("customers", customer("Ann Lee", "Ann@Example.com", customer_id=me))
    answer = await client.get("/api/profile", headers=bearer(me, "customer"))
    profile = {"customer_id": me, "name": "Ann Lee", "email": "Ann@Example.com", "address": ADDRESS, "version": 3}
    assert answer.json() == profile
    assert (await client.get("/api/profile", headers=bearer(me, "guest"))).status_code == 403
    answer = await client.get("/api/profile", headers=bearer(str(uuid4()), "customer"))
    assert (answer.status_code, answer.json()["code"]) == (425, "read-model-behind")


async def test_pending_orders_come_oldest_first_and_others_newest_first(
    shop: Any, client: httpx.AsyncClient, bearer: Bearer, order: Make, me: str
) -> None:
    made = [order(me, placed_at=placed(n), status="paid" if n % 2 else "shipped") for n in range(6)]
    shop.write("orders", *made)
    admin = bearer(str(uuid4()), "admin")

    async def ids(**params: Any) -> list[str]:
        found, cursor = [], None
        while True:
            asked = {"q": me, "limit": 2, **params} | ({"cursor": cursor} if cursor else {})
            page = (await client.get("/api/admin/orders", params=asked, headers=admin)).json()
            found += [item["order_id"] for item in page["items"]]
            cursor = page["next_cursor"]
            if cursor is None:
                assert page["total"] == len(found)
                return found

    assert await ids() == [one["order_id"] for one in reversed(made)]
    assert await ids(status="paid") == [one["order_id"] for one in made if one["status"] == "paid"]
    assert await ids(status="shipped") == [one["order_id"] for one in reversed(made) if one["status"] == "shipped"]


async def test_admins_find_orders_by_what_stands_in_them(
    shop: Any, client: httpx.AsyncClient, bearer: Bearer, order: Make, me: str
) -> None:
    word = uuid4().hex[:10]
    address = {**ADDRESS, "name": f"Zoe {word}"}
    made = order(me, [(f"p{word}", f"BLUE {word} VASE", 1, 100)], shipping_address=address, tracking=f"t{word}")
    shop.write("orders", made, order(me))
    admin = bearer(str(uuid4()), "admin")
    for q in (made["order_id"], f"vase {word[:6]}", f"zoe {word}", f"p{word}", f"t{word}", f"{me} {word}"):
        page = (await client.get("/api/admin/orders", params={"q": q}, headers=admin)).json()
        assert [item["order_id"] for item in page["items"]] == [made["order_id"]], q
        assert page["items"][0]["customer_id"] == me
    for q in (f"zebra {word}", "!!!"):
        assert (await client.get("/api/admin/orders", params={"q": q}, headers=admin)).json()["total"] == 0


async def test_admins_find_customers_and_page_through_them(
    shop: Any, client: httpx.AsyncClient, bearer: Bearer
) -> None:
    word = uuid4().hex[:10]
    made = [customer(f"Kim {word}", f"kim{n}@{word}.example", registered_at=placed(n)) for n in range(3)]
    shop.write("customers", *made)
    admin = bearer(str(uuid4()), "admin")
    found, cursor = [], None
    while len(found) < 3:
        params = {"q": f"kim {word}", "limit": 1} | ({"cursor": cursor} if cursor else {})
        page = (await client.get("/api/admin/customers", params=params, headers=admin)).json()
        assert page["total"] == 3
        found += page["items"]
        cursor = page["next_cursor"]
    assert cursor is None
    fields = ("customer_id", "name", "email", "address", "version")
    assert found == [{name: one[name] for name in fields} for one in reversed(made)]
    for q in (f"KIM1@{word}.example", f"kim1@{word}", made[1]["customer_id"]):
        page = (await client.get("/api/admin/customers", params={"q": q}, headers=admin)).json()
        assert [item["email"] for item in page["items"]] == [made[1]["email"]], q


async def test_sales_count_paid_and_shipped_orders_by_utc_day(
    shop: Any, client: httpx.AsyncClient, bearer: Bearer, order: Make, me: str
) -> None:
    vase, mug = ("vase", "VASE", 1, 900), ("mug", "MUG", 5, 100)
    shop.write(
        "orders",
        order(me, [vase, mug], placed_at="2019-03-01T23:59:59.999999Z"),
        order(me, [mug], placed_at="2019-03-02T00:00:00.000000Z", status="shipped"),
        order(me, [("mug", "OLD MUG", 1, 90)], placed_at="2019-03-04T12:00:00.000000Z"),
        *(
            order(me, [vase], placed_at="2019-03-02T01:00:00.000000Z", status=status)
            for status in ("awaiting_payment", "payment_declined", "cancelled")
        ),
    )
    admin = bearer(str(uuid4()), "admin")
    params = {"from": "2019-03-01", "to": "2019-03-04"}
    assert (await client.get("/api/admin/sales", params=params, headers=admin)).json() == {
        "orders": 3,
        "revenue_amount": 1_990,
        "currency": "GBP",
        "by_day": [
            {"day": "2019-03-01", "orders": 1, "revenue_amount": 1_400},
            {"day": "2019-03-02", "orders": 1, "revenue_amount": 500},
            {"day": "2019-03-04", "orders": 1, "revenue_amount": 90},
        ],
        "top_products": [
            {"product_id": "mug", "name": "MUG", "quantity": 11, "revenue_amount": 1_090},
            {"product_id": "vase", "name": "VASE", "quantity": 1, "revenue_amount": 900},
        ],
    }
    params = {"from": "2019-03-02T05:00:00+06:00", "to": "2019-03-01"}
    assert (await client.get("/api/admin/sales", params=params, headers=admin)).json()["orders"] == 1
    empty = (await client.get("/api/admin/sales", params={"to": "1980-01-01"}, headers=admin)).json()
    assert empty == {"orders": 0, "revenue_amount": 0, "currency": "GBP", "by_day": [], "top_products": []}
    assert (await client.get("/api/admin/sales", headers=admin)).json()["orders"] >= 3


async def test_sales_name_the_ten_best_sellers_by_revenue(
    shop: Any, client: httpx.AsyncClient, bearer: Bearer, order: Make, me: str
) -> None:
    lines = [(f"p{n:02}", f"P{n}", 1, 100 + n) for n in range(15)]
    shop.write("orders", order(me, lines, placed_at="2018-01-01T00:00:00.000000Z"))
    params = {"from": "2018-01-01", "to": "2018-01-01"}
    sales = (await client.get("/api/admin/sales", params=params, headers=bearer(me, "admin"))).json()
    assert [top["product_id"] for top in sales["top_products"]] == [f"p{n:02}" for n in range(14, 4, -1)]


@pytest.mark.parametrize("path", ["/api/admin/orders", "/api/admin/customers", "/api/admin/sales"])
async def test_admin_reads_are_for_admins(client: httpx.AsyncClient, bearer: Bearer, me: str, path: str) -> None:
    assert (await client.get(path)).status_code == 401
    for role in ("guest", "customer"):
        assert (await client.get(path, headers=bearer(me, role))).status_code == 403


@pytest.mark.parametrize(
    "path", ["/api/cart", "/api/orders", "/api/orders/01a20b4e-e047-7074-8be6-76c89d3aa1d2", "/api/profile"]
)
async def test_own_reads_need_a_token(client: httpx.AsyncClient, path: str) -> None:
    for headers in ({}, {"Authorization": "Bearer x"}, {"Authorization": "Basic eDp5"}):
        answer = await client.get(path, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
