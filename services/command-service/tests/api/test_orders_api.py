"""Orders out of the write model, their history, and shipping."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

from uuid_utils.compat import uuid7

from command_service.codec import ORDER, PRODUCT
from command_service.domain import events
from command_service.domain.events import OrderEvent
from command_service.domain.values import Address, CustomerId, OrderLine, ProductId
from command_service.testing.service import Service, refused
from holdfast.contracts.consistency import decode_consistency
from holdfast.eventstore import Append, Metadata, append, lock_streams
from holdfast.resilience.deadline import Deadline

LINES = (OrderLine(ProductId("mug"), "A mug", 2, 250), OrderLine(ProductId("lamp"), "A lamp", 1, 1_000))
ADDRESS = Address("Ada", "1 High St", None, "London", "N1 1AA", "GB")
PLACED_AT = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
PAID = events.PaymentCaptured(1_500, "GBP")


async def place(service: Service, owner: str, *then: OrderEvent, at: datetime = PLACED_AT) -> str:
    """An order of 15.00 in the store, by events (checkout has its own tests)."""
    order_id = str(uuid7())
    placed = events.OrderPlaced(CustomerId(owner), LINES, 1_500, "GBP", ADDRESS)
    async with service.app.state.parts.database.transaction(Deadline.after(5)) as tx:
        stream = (await lock_streams(tx, [(ORDER, order_id)]))[f"order-{order_id}"]
        await append(tx, [Append(stream, (placed, *then), owner=owner)], Metadata(actor=owner), recorded_at=at)
    return order_id


async def test_an_order_is_read_with_its_snapshot(service: Service) -> None:
    guest = service.someone()
    order_id = await place(service, guest.subject, PAID)
    answer = await guest.get(f"/api/orders/{order_id}")
    assert answer.json() == {
        "order_id": order_id,
        "status": "paid",
        "total_amount": 1_500,
        "currency": "GBP",
        "placed_at": "2026-01-02T03:04:05.678901Z",
        "version": 2,
        "lines": [
            {"product_id": "mug", "name": "A mug", "quantity": 2, "unit_amount": 250, "line_amount": 500},
            {"product_id": "lamp", "name": "A lamp", "quantity": 1, "unit_amount": 1_000, "line_amount": 1_000},
        ],
        "shipping_address": {
            "name": "Ada",
            "line1": "1 High St",
            "line2": None,
            "city": "London",
            "postcode": "N1 1AA",
            "country": "GB",
        },
        "refund": None,
        "carrier": None,
        "tracking": None,
    }
    assert answer.headers["served-from"] == "write-model"
    assert (await guest.get(f"/api/orders/{order_id.upper()}")).json() == answer.json()


async def test_an_order_that_is_not_there_is_unknown(service: Service) -> None:
    for order_id in ("0190aaaa-0000-7000-8000-000000000001", "nonsense", "%00"):
        for path in (f"/api/orders/{order_id}", f"/api/orders/{order_id}/history"):
            assert refused(await service.someone().get(path), 404, "order-unknown")


async def test_someone_elses_order_is_unknown_to_all_but_an_administrator(service: Service) -> None:
    order_id = await place(service, service.someone().subject)
    for path in (f"/api/orders/{order_id}", f"/api/orders/{order_id}/history"):
        for other in (service.someone(), service.someone("customer")):
            assert refused(await other.get(path), 404, "order-unknown")
        assert (await service.admin().get(path)).status_code == 200


async def test_orders_are_listed_newest_first_page_by_page(service: Service) -> None:
    guest = service.someone()
    # Two at each moment, so that pages end between orders of the same time.
    placed = [await place(service, guest.subject, at=PLACED_AT + timedelta(seconds=n // 2)) for n in range(7)]
    await place(service, service.someone().subject)
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        answer = (await guest.get(f"/api/orders?limit=2{f'&cursor={cursor}' if cursor else ''}")).json()
        assert answer["total"] == 7
        seen += [item["order_id"] for item in answer["items"]]
        cursor = answer["next_cursor"]
    assert seen == list(reversed(placed))
    assert answer["items"][0] == {
        "order_id": placed[0],
        "status": "awaiting_payment",
        "total_amount": 1_500,
        "currency": "GBP",
        "placed_at": "2026-01-02T03:04:05.678901Z",
        "version": 1,
    }


async def test_orders_are_listed_by_status(service: Service) -> None:
    guest = service.someone()
    waiting = await place(service, guest.subject)
    paid = await place(service, guest.subject, PAID)
    for status, expected in (("awaiting_payment", [waiting]), ("paid", [paid]), ("shipped", [])):
        answer = (await guest.get(f"/api/orders?status={status}")).json()
        assert [item["order_id"] for item in answer["items"]] == expected
        assert (answer["total"], answer["next_cursor"]) == (len(expected), None)
    assert (await guest.get("/api/orders?status=&cursor=")).json()["total"] == 2


async def test_a_cursor_belongs_to_its_filter(service: Service) -> None:
    guest = service.someone()
    for _ in range(2):
        await place(service, guest.subject)
    cursor = (await guest.get("/api/orders?limit=1")).json()["next_cursor"]
    assert refused(await guest.get(f"/api/orders?status=paid&cursor={cursor}"), 400, "cursor-invalid")
    for nonsense in ("nonsense", "e30"):
        assert refused(await guest.get(f"/api/orders?cursor={nonsense}"), 400, "cursor-invalid")


async def test_a_list_out_of_range_is_invalid(service: Service) -> None:
    for query in ("limit=0", "limit=101", "limit=many", "status=lost", "sort=price"):
        answer = await service.someone().get(f"/api/orders?{query}")
        assert refused(answer, 422, "invalid")
        assert answer.json()["errors"][0]["pointer"] == f"?{query.partition('=')[0]}"


async def test_a_history_is_the_published_form_of_every_event(service: Service) -> None:
    guest = service.someone()
    order_id = await place(service, guest.subject, PAID)
    answer = (await guest.get(f"/api/orders/{order_id}/history")).json()
    assert (answer["total"], answer["next_cursor"]) == (2, None)
    assert [(item["version"], item["type"]) for item in answer["items"]] == [(1, "OrderPlaced"), (2, "PaymentCaptured")]
    assert answer["items"][1] == {
        "version": 2,
        "type": "PaymentCaptured",
        "recorded_at": "2026-01-02T03:04:05.678901Z",
        "data": {"amount": 1_500, "currency": "GBP"},
    }
    first = (await guest.get(f"/api/orders/{order_id}/history?limit=1")).json()
    second = (await guest.get(f"/api/orders/{order_id}/history?limit=1&cursor={first['next_cursor']}")).json()
    assert [*first["items"], *second["items"]] == answer["items"]
    assert second["next_cursor"] is None
    assert refused(await guest.get(f"/api/orders/{order_id}/history?cursor=x"), 400, "cursor-invalid")


async def test_a_paid_order_is_shipped_once(service: Service) -> None:
    guest, admin = service.someone(), service.admin()
    order_id = await place(service, guest.subject, PAID)
    parcel = {"carrier": "Royal Mail", "tracking": "RM1"}
    shipped = await admin.post(f"/api/admin/orders/{order_id}/ship", parcel, key="s")
    assert (shipped.status_code, shipped.json()) == (200, {"order_id": order_id, "status": "shipped", "version": 3})
    assert decode_consistency([shipped.headers["consistency-token"]]) == {f"order-{order_id}": 3}
    again = await admin.post(f"/api/admin/orders/{order_id}/ship", parcel, key="s")
    assert (again.json(), again.headers["idempotency-replayed"]) == (shipped.json(), "true")
    assert (await admin.post(f"/api/admin/orders/{order_id}/ship", parcel)).json() == shipped.json()
    other = await admin.post(f"/api/admin/orders/{order_id}/ship", {"tracking": "RM2"})
    assert refused(other, 409, "order-not-shippable")
    shown = (await guest.get(f"/api/orders/{order_id}")).json()
    assert (shown["status"], shown["carrier"], shown["tracking"]) == ("shipped", "Royal Mail", "RM1")


async def test_an_order_is_shipped_without_a_body(service: Service) -> None:
    order_id = await place(service, service.someone().subject, PAID)
    assert (await service.admin().call("POST", f"/api/admin/orders/{order_id}/ship")).status_code == 200


async def test_an_unpaid_order_is_not_shipped(service: Service) -> None:
    admin = service.admin()
    order_id = await place(service, service.someone().subject)
    assert refused(await admin.post(f"/api/admin/orders/{order_id}/ship", {}), 409, "order-not-shippable")
    unknown = await admin.post(f"/api/admin/orders/{uuid7()}/ship", {}, if_match=1)
    assert refused(unknown, 404, "order-unknown")
    assert refused(await admin.post("/api/admin/orders/nonsense/ship", {}), 404, "order-unknown")


async def test_a_stream_is_shown_as_it_was_at_a_version(service: Service) -> None:
    await service.product("mug", available=10)
    admin = service.admin()
    for delta in (-1, -2):
        await admin.post("/api/admin/products/mug/stock", {"delta": delta, "reason": "broken"})
    whole = (await admin.get("/api/admin/streams/product-mug")).json()
    assert (whole["stream_id"], whole["version"], whole["state"]["available"]) == ("product-mug", 3, 7)
    assert [event["type"] for event in whole["events"]] == ["ProductCreated", "StockAdjusted", "StockAdjusted"]
    last: dict[str, Any] = whole["events"][-1]
    assert last["data"] == {"delta": -2, "available": 7, "reason": "broken"}
    assert (last["version"], last["actor"]) == (3, admin.subject)
    assert last["correlation_id"]
    earlier = (await admin.get("/api/admin/streams/product-mug?at_version=2")).json()
    assert (earlier["version"], earlier["state"]["available"]) == (2, 9)
    assert earlier["events"] == whole["events"][:2]
    assert (await admin.get("/api/admin/streams/product-mug?at_version=9")).json() == whole
    assert whole["next_cursor"] is None
    assert refused(await admin.get("/api/admin/streams/product-mug?at_version=0"), 422, "invalid")
    assert refused(await admin.get("/api/admin/streams/product-mug?limit=1001"), 422, "invalid")


async def test_a_long_stream_is_paged_from_its_newest_events_and_shown_at_any_version(service: Service) -> None:
    await grow(service, "mug", 1_250)
    admin, path = service.admin(), "/api/admin/streams/product-mug"
    for at_version in (None, 1_001, 999, 3):
        query = "" if at_version is None else f"&at_version={at_version}"
        page = (await admin.get(f"{path}?limit=400{query}")).json()
        last = at_version or 1_251
        assert (page["version"], page["state"]["available"]) == (last, 10 + last - 1)
        seen = [event["version"] for event in page["events"]]
        while page["next_cursor"]:
            page = (await admin.get(f"{path}?limit=400{query}&cursor={page['next_cursor']}")).json()
            assert (page["version"], page["state"]["available"]) == (last, 10 + last - 1)
            seen = [event["version"] for event in page["events"]] + seen
        assert seen == list(range(1, last + 1))
    first = (await admin.get(path)).json()
    assert [event["version"] for event in first["events"]] == list(range(252, 1_252))
    other = await admin.get(f"{path}?at_version=7&cursor={first['next_cursor']}")
    assert refused(other, 400, "cursor-invalid")


async def test_a_read_of_a_long_stream_costs_little_wherever_it_looks(service: Service) -> None:
    await grow(service, "mug", 10_000)
    admin = service.admin()
    for query in ("", "?at_version=9999", "?at_version=499", "?at_version=5000", "?at_version=999999999999"):
        taken = []
        for _ in range(5):
            began = time.process_time()
            assert (await admin.get(f"/api/admin/streams/product-mug{query}")).status_code == 200
            taken.append(time.process_time() - began)
        assert min(taken) < 0.05, query


async def grow(service: Service, product_id: str, times: int) -> None:
    """A product with this many deliveries of one piece."""
    await service.product(product_id, available=10)
    for at in range(0, times, 500):
        async with service.app.state.parts.database.transaction(Deadline.after(10)) as tx:
            (stream,) = (await lock_streams(tx, [(PRODUCT, product_id)])).values()
            had = stream.state.available
            added = [events.StockAdjusted(1, had + n + 1, "found") for n in range(min(500, times - at))]
            await append(tx, [Append(stream, added)], Metadata("tester"))


async def test_an_unknown_stream_is_unknown(service: Service) -> None:
    for stream_id in ("product-ghost", "thing-1", "nonsense", "product-%00", "cart-"):
        assert refused(await service.admin().get(f"/api/admin/streams/{stream_id}"), 404, "stream-unknown")


async def test_a_guest_has_no_profile(service: Service) -> None:
    assert refused(await service.someone().get("/api/profile"), 403, "forbidden")
    assert refused(await service.someone("customer").get("/api/profile"), 404, "not-found")


async def test_a_consistency_token_that_no_answer_held_is_invalid(service: Service) -> None:
    for token in ("nonsense", "order-1@2", "cart-0190aaaa-0000-7000-8000-000000000001@x"):
        answer = await service.someone().get("/api/cart", headers={"Consistency-Token": token})
        assert refused(answer, 400, "consistency-token-invalid")


async def test_a_token_beyond_the_store_is_answered_with_what_there_is(service: Service) -> None:
    guest = service.someone()
    answer = await guest.get("/api/cart", headers={"Consistency-Token": f"cart-{guest.subject}@99"})
    assert (answer.status_code, answer.json()["version"]) == (200, 0)
