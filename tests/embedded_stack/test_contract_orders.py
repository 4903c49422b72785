"""Orders, their history and their cancellation, as docs/API.md has them."""

import pytest

from contract import Client, Reply, bought, eventually, everything, moment, new_key, new_product, settled

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

WHY = {"reason": "Changed my mind"}


async def _refund_done(caller: Client, order_id: str) -> bool:
    """The refund comes later if the processor takes its time, and it comes."""
    return bool(await eventually(lambda: _refunded(caller, order_id)))


async def _refunded(caller: Client, order_id: str) -> bool:
    return bool((await caller.get(f"/api/orders/{order_id}")).body["refund"] == "done")


async def test_someone_elses_order_is_unknown(somebody: Client) -> None:
    _, order_id = await bought(somebody, await new_product(somebody))
    stranger = await somebody.guest()
    unknown = (404, "order-unknown")
    for path in (order_id, f"{order_id}/history", "0194f0a0-0000-7000-8000-00000000dead", "no-order"):
        assert await stranger.refused("GET", f"/api/orders/{path}") == unknown
    assert await stranger.refused("POST", f"/api/orders/{order_id}/cancel", WHY) == unknown


async def test_own_orders_are_listed_newest_first_and_by_status(somebody: Client) -> None:
    product_id = await new_product(somebody)
    guest, first = await bought(somebody, product_id)
    orders = [first]
    for token in ("tok_declined", "tok_visa", "tok_visa"):
        await guest.do("DELETE", "/api/cart")
        await guest.do("POST", "/api/cart/items", {"product_id": product_id, "quantity": 1})
        reply = await guest.call("POST", "/api/checkout", {"payment_token": token})
        order = await settled(guest, reply.body["order_id"])
        guest.seen[f"order-{order['order_id']}"] = order["version"]
        orders.append(order["order_id"])
    listed, total = await everything(guest, "/api/orders", 1)
    assert [order["order_id"] for order in listed] == orders[::-1]
    assert total == 4
    placed = [moment(order["placed_at"]) for order in listed]
    assert placed == sorted(placed, reverse=True)
    paid = (await guest.get("/api/orders?status=paid")).body
    assert [order["order_id"] for order in paid["items"]] == [orders[3], orders[2], orders[0]]
    assert (await guest.get("/api/orders?status=payment_declined")).body["total"] == 1
    assert await guest.refused("GET", "/api/orders?status=lost") == (422, "invalid")
    assert await guest.refused("GET", "/api/orders?cursor=x") == (400, "cursor-invalid")


async def test_the_history_tells_what_happened(somebody: Client) -> None:
    product_id = await new_product(somebody)
    guest, order_id = await bought(somebody, product_id, 2)
    await guest.do("POST", f"/api/orders/{order_id}/cancel", WHY)
    assert await _refund_done(guest, order_id)
    events, total = await everything(guest, f"/api/orders/{order_id}/history", 3)
    assert [event["type"] for event in events] == [
        "OrderPlaced", "PaymentCaptured", "OrderCancelled", "PaymentRefunded",
    ]  # fmt: skip
    assert [event["version"] for event in events] == [1, 2, 3, 4]
    assert total == 4
    for event in events:
        assert event.keys() == {"version", "type", "recorded_at", "data"}
        moment(event["recorded_at"])
    placed = events[0]["data"]
    assert placed["total_amount"] == 500
    assert placed["lines"] == [{"product_id": product_id, "name": "Test piece", "quantity": 2, "unit_amount": 250}]
    assert events[2]["data"]["reason"] == WHY["reason"]


async def test_a_paid_order_is_cancelled_and_refunded_once(somebody: Client) -> None:
    product_id, key = await new_product(somebody, 10), new_key()
    guest, order_id = await bought(somebody, product_id, 4)
    cancel = f"/api/orders/{order_id}/cancel"
    wrong = await guest.refused("POST", cancel, WHY, if_match=1)
    assert wrong == (412, "version-mismatch")

    reply = await guest.do("POST", cancel, WHY, key=key, if_match=2)

    _assert_is_cancelled(reply, guest, order_id)
    assert reply.body["refund"] in ("pending", "done")
    order = (await guest.get(f"/api/orders/{order_id}")).body
    assert (order["status"], order["version"] >= reply.body["version"]) == ("cancelled", True)
    assert (await guest.get("/api/orders?status=cancelled")).body["total"] == 1
    admin = await somebody.admin()
    stock = (await admin.get(f"/api/admin/streams/product-{product_id}")).body
    assert stock["state"]["available"] == 10
    assert await _refund_done(guest, order_id)
    again = await guest.do("POST", cancel, WHY, key=key)
    assert again.replayed
    assert (again.body["status"], again.body["refund"]) == ("cancelled", "done")
    other = await guest.do("POST", cancel, {"reason": "Really"})
    assert (other.body["refund"], other.body["version"], other.replayed) == ("done", again.body["version"], False)
    reused = await guest.refused("POST", cancel, {"reason": "Another"}, key=key)
    assert reused == (422, "idempotency-key-reused")


def _assert_is_cancelled(reply: Reply, guest: Client, order_id: str) -> None:
    assert reply.body.keys() == {"order_id", "status", "refund", "version"}
    assert (reply.body["order_id"], reply.body["status"]) == (order_id, "cancelled")
    assert reply.versions.keys() == {f"order-{order_id}", f"cart-{guest.customer_id}"}
    assert reply.versions[f"order-{order_id}"] == reply.body["version"]


async def test_an_order_cancelled_before_its_payment_is_never_paid(somebody: Client) -> None:
    product_id = await new_product(somebody, 10)
    guest = await somebody.guest()
    await guest.do("POST", "/api/cart/items", {"product_id": product_id, "quantity": 4})
    placed = await guest.do("POST", "/api/checkout", {"payment_token": "tok_slow"}, 202)
    order_id = placed.body["order_id"]

    reply = await guest.do("POST", f"/api/orders/{order_id}/cancel", WHY)

    _assert_is_cancelled(reply, guest, order_id)
    order = (await guest.get(f"/api/orders/{order_id}")).body
    assert order["status"] == "cancelled"
    assert order["refund"] in (None, "pending", "done")  # whether the card had paid yet is the processor's business
    admin = await somebody.admin()
    stock = (await admin.get(f"/api/admin/streams/product-{product_id}")).body
    assert stock["state"]["available"] == 10


async def test_a_shipped_order_is_not_cancellable_nor_a_cancelled_one_shippable(somebody: Client) -> None:
    product_id = await new_product(somebody)
    admin = await somebody.admin()
    guest, order_id = await bought(somebody, product_id)
    ship, key = f"/api/admin/orders/{order_id}/ship", new_key()
    parcel = {"carrier": "Royal Mail", "tracking": "RM1"}
    assert await admin.refused("POST", ship, parcel, if_match=9) == (412, "version-mismatch")

    reply = await admin.do("POST", ship, parcel, key=key, if_match=2)

    assert reply.body == {"order_id": order_id, "status": "shipped", "version": 3}
    assert reply.versions == {f"order-{order_id}": 3}
    assert (await admin.get(f"/api/orders/{order_id}")).body["status"] == "shipped"
    again = await admin.do("POST", ship, parcel, key=key)
    assert (again.replayed, again.body) == (True, reply.body)
    assert await admin.refused("POST", ship, {}, key=key) == (422, "idempotency-key-reused")
    assert await admin.refused("POST", ship, {}) == (409, "order-not-shippable")
    guest.seen |= reply.versions
    assert (await guest.get(f"/api/orders/{order_id}")).body["status"] == "shipped"
    cancel = f"/api/orders/{order_id}/cancel"
    assert await guest.refused("POST", cancel, WHY) == (409, "order-not-cancellable")
    other, cancelled = await bought(somebody, product_id)
    await other.do("POST", f"/api/orders/{cancelled}/cancel", WHY)
    assert await admin.refused("POST", f"/api/admin/orders/{cancelled}/ship", {}) == (409, "order-not-shippable")
    missing = "/api/admin/orders/0194f0a0-0000-7000-8000-00000000dead/ship"
    assert await admin.refused("POST", missing, {}) == (404, "order-unknown")


@pytest.mark.parametrize("reason", [None, "", "x" * 501, 5, "a\u0000b"])
async def test_a_cancellation_has_a_reason(somebody: Client, reason: object) -> None:
    guest = await somebody.guest()
    body = {} if reason is None else {"reason": reason}
    reply = await guest.call("POST", "/api/orders/0194f0a0-0000-7000-8000-00000000dead/cancel", body)
    assert (reply.status, reply.code) == (422, "invalid")
    assert [error["pointer"] for error in reply.body["errors"]] == ["/reason"]
