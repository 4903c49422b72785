"""Administration and operation, as docs/API.md has them."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from contract import ADDRESS, Client, bought, eventually, moment, new_key, new_product

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

NOT_THERE = "0194f0a0-0000-7000-8000-00000000dead"


async def test_only_administrators_administrate(somebody: Client) -> None:
    calls: list[tuple[str, str, Any]] = [
        ("POST", "/api/admin/products", {"product_id": "x"}),
        ("PUT", "/api/admin/products/x/price", {"unit_amount": 1}),
        ("POST", "/api/admin/products/x/stock", {"delta": 1, "reason": "x"}),
        ("DELETE", "/api/admin/products/x", None),
        ("GET", "/api/admin/orders", None),
        ("POST", f"/api/admin/orders/{NOT_THERE}/ship", {}),
        ("GET", "/api/admin/customers", None),
        ("GET", "/api/admin/sales", None),
        ("GET", "/api/admin/streams/product-x", None),
    ]
    for caller in (await somebody.guest(), await somebody.customer()):
        for method, path, body in calls:
            assert await caller.refused(method, path, body) == (403, "forbidden")
    for method, path, body in calls:
        assert await somebody.refused(method, path, body) == (401, "unauthenticated")


async def test_a_product_lives_and_every_change_is_read_back(somebody: Client) -> None:
    admin = await somebody.admin()
    product_id, key = f"T.{uuid.uuid4().hex[:12]}", new_key()
    path, stream = f"/api/products/{product_id}", f"product-{product_id}"
    body = {"product_id": product_id, "name": "Tin", "category": "Tests", "unit_amount": 199, "available": 5}
    created = await admin.do("POST", "/api/admin/products", body, 201, key=key)
    assert (created.body, created.versions) == ({"product_id": product_id, "version": 1}, {stream: 1})
    assert (await admin.get(path)).body["available"] == 5
    again = await admin.do("POST", "/api/admin/products", body, 201, key=key)
    assert (again.replayed, again.body) == (True, created.body)
    other = body | {"name": "Tray"}
    assert await admin.refused("POST", "/api/admin/products", other, key=key) == (422, "idempotency-key-reused")
    assert await admin.refused("POST", "/api/admin/products", body) == (409, "product-exists")
    own = f"/api/admin/products/{product_id}"
    for version, (method, call, change, unlike) in enumerate(
        [
            ("PUT", f"{own}/price", {"unit_amount": 250}, {"unit_amount": 251}),
            ("POST", f"{own}/stock", {"delta": -5, "reason": "Broken"}, {"delta": -4, "reason": "Broken"}),
            ("POST", f"{own}/stock", {"delta": 7, "reason": "Found"}, {"delta": 8, "reason": "Found"}),
        ],
        start=2,
    ):
        key = new_key()
        assert await admin.refused(method, call, change, if_match=99) == (412, "version-mismatch")
        reply = await admin.do(method, call, change, key=key, if_match=version - 1)
        assert (reply.body, reply.versions) == ({"product_id": product_id, "version": version}, {stream: version})
        again = await admin.do(method, call, change, key=key)
        assert (again.replayed, again.body) == (True, reply.body)
        assert await admin.refused(method, call, unlike, key=key) == (422, "idempotency-key-reused")
    shown = (await admin.get(path)).body
    assert (shown["unit_amount"], shown["available"], shown["version"]) == (250, 7, 4)
    less = {"delta": -8, "reason": "Lost"}
    assert await admin.refused("POST", f"{own}/stock", less) == (409, "stock-negative")


async def test_a_discontinued_product_is_shown_and_unlisted(somebody: Client) -> None:
    word = f"q{uuid.uuid4().hex[:12]}"
    product_id, key = await new_product(somebody, 5, name=f"Tin {word}"), new_key()
    admin = await somebody.admin()

    async def listed() -> int:
        return int((await admin.get(f"/api/products?q={word}")).body["total"])

    async def unlisted() -> bool:
        return await listed() == 0

    await eventually(listed)
    own = f"/api/admin/products/{product_id}"
    assert await admin.refused("DELETE", own, if_match=9) == (412, "version-mismatch")
    reply = await admin.do("DELETE", own, key=key, if_match=1)
    assert reply.body == {"product_id": product_id, "version": 2}
    shown = (await admin.get(f"/api/products/{product_id}")).body
    assert shown["discontinued"] is True
    assert "discontinued" not in (await admin.get("/api/products/71053")).body
    await eventually(unlisted)
    again = await admin.do("DELETE", own, key=key)
    assert (again.replayed, again.body) == (True, reply.body)
    for method, path, body in (
        ("PUT", f"{own}/price", {"unit_amount": 1}),
        ("POST", f"{own}/stock", {"delta": 1, "reason": "Found"}),
    ):
        assert await admin.refused(method, path, body) == (409, "product-discontinued")
        assert await admin.refused(method, path, body, key=key) == (422, "idempotency-key-reused")


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"unit_amount": 0}, "/unit_amount"),
        ({"unit_amount": 10_000_001}, "/unit_amount"),
        ({"available": -1}, "/available"),
        ({"available": 10_000_001}, "/available"),
        ({"product_id": "with space"}, "/product_id"),
        ({"product_id": "x" * 41}, "/product_id"),
        ({"name": ""}, "/name"),
        ({"name": "a\u0001b"}, "/name"),
        ({"colour": "red"}, "/colour"),
    ],
)
async def test_a_wrong_field_is_named(somebody: Client, change: Any, pointer: str) -> None:
    admin = await somebody.admin()
    body = {"product_id": "x", "name": "Tin", "category": "Tests", "unit_amount": 1, "available": 0}
    reply = await admin.call("POST", "/api/admin/products", body | change)
    assert (reply.status, reply.code) == (422, "invalid")
    assert [error["pointer"] for error in reply.body["errors"]] == [pointer]


async def test_unknown_products_and_streams(somebody: Client) -> None:
    admin = await somebody.admin()
    unknown = (404, "product-unknown")
    assert await admin.refused("PUT", "/api/admin/products/none/price", {"unit_amount": 1}) == unknown
    assert await admin.refused("POST", "/api/admin/products/none/stock", {"delta": 1, "reason": "x"}) == unknown
    assert await admin.refused("DELETE", "/api/admin/products/none") == unknown
    too_much = {"delta": 10_000_001, "reason": "x"}
    assert await admin.refused("POST", "/api/admin/products/none/stock", too_much) == (422, "invalid")
    for stream in ("product-none", f"order-{NOT_THERE}", "parcel-1", "nonsense"):
        assert await admin.refused("GET", f"/api/admin/streams/{stream}") == (404, "stream-unknown")


async def test_the_orders_to_ship_stand_oldest_first_and_are_found(somebody: Client) -> None:
    admin = await somebody.admin()
    product_id = await new_product(somebody)
    buyer, early = await bought(somebody, product_id)
    _, late = await bought(somebody, product_id)

    async def pending() -> list[Any]:
        found = await admin.get(f"/api/admin/orders?status=paid&q={late}")
        return list(found.body["items"])

    item = (await eventually(pending))[0]
    assert item.keys() == {
        "order_id", "status", "total_amount", "currency", "placed_at", "version", "customer_id",
    }  # fmt: skip
    assert (item["order_id"], item["status"]) == (late, "paid")
    assert [one["order_id"] for one in (await admin.get(f"/api/admin/orders?q={early}")).body["items"]] == [early]
    assert (await admin.get(f"/api/orders/{early}")).body["order_id"] == early
    page = (await admin.get("/api/admin/orders?status=paid&limit=100")).body
    placed = [moment(one["placed_at"]) for one in page["items"]]
    assert placed == sorted(placed)
    of_buyer = (await admin.get(f"/api/admin/orders?q={buyer.customer_id}")).body
    assert [one["order_id"] for one in of_buyer["items"]] == [early]


async def test_customers_are_found_by_name_and_email(somebody: Client) -> None:
    admin = await somebody.admin()
    customer = somebody.other()
    word = f"z{uuid.uuid4().hex[:10]}"
    email = f"{word}@shoppers.example"
    await customer.register(email, f"Ann {word.upper()}")
    await customer.do("PUT", "/api/profile", {"name": f"Ann {word.upper()}", "email": email, "address": ADDRESS})

    async def found() -> list[Any]:
        items = (await admin.get(f"/api/admin/customers?q={word}")).body["items"]
        return items if items and items[0]["version"] == 2 else []

    assert await eventually(found) == [(await customer.get("/api/profile")).body]
    assert (await admin.get(f"/api/admin/customers?q={email}")).body["total"] == 1


async def test_sales_count_what_was_sold(somebody: Client) -> None:
    admin = await somebody.admin()
    product_id = await new_product(somebody, 100, 9_999_999)
    before = (await admin.get("/api/admin/sales")).body
    assert before.keys() == {"orders", "revenue_amount", "currency", "by_day", "top_products"}
    _, kept = await bought(somebody, product_id, 3)
    caller, cancelled = await bought(somebody, product_id, 1)
    await caller.do("POST", f"/api/orders/{cancelled}/cancel", {"reason": "No"})

    async def counted() -> Any:
        sales = (await admin.get("/api/admin/sales")).body
        top = [one for one in sales["top_products"] if one["product_id"] == product_id]
        return (sales, top[0]) if top and top[0]["quantity"] == 3 else None

    sales, top = await eventually(counted)
    assert top == {
        "product_id": product_id, "name": "Test piece", "quantity": 3, "revenue_amount": 29_999_997,
    }  # fmt: skip
    assert sales["revenue_amount"] >= before["revenue_amount"] + 29_999_997
    assert sum(day["orders"] for day in sales["by_day"]) == sales["orders"]
    assert sum(day["revenue_amount"] for day in sales["by_day"]) == sales["revenue_amount"]
    assert all(day.keys() == {"day", "orders", "revenue_amount"} for day in sales["by_day"])
    today = datetime.now(UTC).date()
    later = (await admin.get(f"/api/admin/sales?from={today + timedelta(days=2)}")).body
    assert (later["orders"], later["revenue_amount"], later["by_day"]) == (0, 0, [])
    assert await admin.refused("GET", "/api/admin/sales?from=yesterday") == (422, "invalid")
    assert kept


async def test_a_stream_is_folded_at_any_version(somebody: Client) -> None:
    admin = await somebody.admin()
    product_id = await new_product(somebody, 5, 199)
    await admin.do("PUT", f"/api/admin/products/{product_id}/price", {"unit_amount": 250})
    await admin.do("POST", f"/api/admin/products/{product_id}/stock", {"delta": 2, "reason": "Found"})
    path = f"/api/admin/streams/product-{product_id}"
    whole = (await admin.get(path)).body
    assert whole.keys() == {"stream_id", "version", "state", "events", "next_cursor"}
    assert whole["next_cursor"] is None
    assert (whole["stream_id"], whole["version"]) == (f"product-{product_id}", 3)
    assert (whole["state"]["unit_amount"], whole["state"]["available"]) == (250, 7)
    assert [event["type"] for event in whole["events"]] == ["ProductCreated", "PriceChanged", "StockAdjusted"]
    for event in whole["events"]:
        assert event.keys() == {
            "version", "type", "data", "recorded_at", "actor", "correlation_id", "causation_id",
        }  # fmt: skip
        assert event["actor"] == admin.customer_id
        moment(event["recorded_at"])
    early = (await admin.get(f"{path}?at_version=1")).body
    assert (early["version"], early["state"]["unit_amount"], early["state"]["available"]) == (1, 199, 5)
    assert early["events"] == whole["events"][:1]
    assert (await admin.get(f"{path}?at_version=2")).body["state"]["unit_amount"] == 250
    # A version beyond what there is answers with what there is.
    assert (await admin.get(f"{path}?at_version=99")).body == whole
    assert await admin.refused("GET", f"{path}?at_version=0") == (422, "invalid")


async def test_the_systems_status_is_told(somebody: Client) -> None:
    admin = await somebody.admin()
    told = (await admin.get("/api/ops/status")).body
    assert {"as_of", "services", "dependencies", "outbox", "projection", "shedding"} <= told.keys()
    assert {one["name"] for one in told["services"]} >= {"command-1", "command-2", "query-1", "query-2", "relay"}
    assert all({"name", "replica", "state", "since"} <= one.keys() for one in told["services"])
    assert {one["to"] for one in told["dependencies"]} >= {"command-service", "query-service", "payment-service"}
    fields = {"from", "to", "replica", "breaker", "in_flight", "limit", "error_rate", "p99_ms"}
    assert all(one.keys() >= fields for one in told["dependencies"])
    assert told["outbox"].keys() >= {"pending", "oldest_s"}
    assert told["projection"].keys() >= {"lag_events", "as_of"}


async def test_health_and_metrics_need_no_token(somebody: Client) -> None:
    for path, kind in (("/healthz", "application/json"), ("/readyz", "application/json"), ("/metrics", "text/plain")):
        answer = await somebody.http.get(somebody.urls[0] + path)
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith(kind)
