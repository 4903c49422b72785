"""What each event does to its document."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from holdfast.contracts.messages import Message
from projector_service.projection import Unprojectable, project

START = datetime(2010, 12, 1, 8, 26, 0, 123456, tzinfo=UTC)
ADDRESS = {"name": "Ann", "line1": "1 Road", "line2": None, "city": "Leeds", "postcode": "LS1", "country": "GB"}
PRODUCT = {
    "name": "RED LANTERN",
    "description": "A lantern",
    "category": "lights",
    "unit_amount": 295,
    "currency": "GBP",
    "available": 20,
}
PLACED = {
    "customer_id": "c1",
    "lines": [
        {"product_id": "A", "name": "RED LANTERN", "quantity": 3, "unit_amount": 295},
        {"product_id": "b", "name": "BLUE MUG", "quantity": 1, "unit_amount": 100},
    ],
    "total_amount": 985,
    "currency": "GBP",
    "shipping_address": ADDRESS | {"added_later": "must not meet the strict mapping"},
}


def run(stream_id: str, *events: tuple[str, dict[str, Any]]) -> Any:
    """The document after the events, each a second after the one before."""
    document: Any = None
    for version, (type, data) in enumerate(events, start=1):
        before = repr(document)
        after = project(document, event(stream_id, version, type, data))
        assert repr(document) == before, "the document before is not changed"
        document = after
    return document


def event(stream_id: str, version: int, type: str, data: dict[str, Any]) -> Message:
    return Message(
        stream_id=stream_id,
        version=version,
        type=type,
        schema_version=1,
        recorded_at=START + timedelta(seconds=version),
        position=version,
        data=data,
        metadata={},
    )


def refused(stream_id: str, *events: tuple[str, dict[str, Any]]) -> str:
    with pytest.raises(Unprojectable) as error:
        run(stream_id, *events)
    return error.value.reason


def lines(*pairs: tuple[str, int]) -> list[dict[str, Any]]:
    return [{"product_id": product_id, "quantity": quantity} for product_id, quantity in pairs]


def add(product_id: str, quantity: int) -> tuple[str, dict[str, Any]]:
    return "ItemAddedToCart", {"product_id": product_id, "quantity": quantity}


def test_a_cart_adds_up_and_keeps_the_order_of_adding() -> None:
    assert run("cart-1", add("A", 1), add("b", 2), add("A", 3)) == {
        "cart_id": "1",
        "lines": lines(("A", 4), ("b", 2)),
        "version": 3,
    }


def test_codes_that_differ_only_in_case_are_two_lines() -> None:
    assert run("cart-1", add("15056bl", 1), add("15056BL", 2))["lines"] == lines(("15056bl", 1), ("15056BL", 2))


def test_a_line_changes_and_goes() -> None:
    changed = ("ItemQuantityChanged", {"product_id": "b", "quantity": 9})
    removed = ("ItemRemovedFromCart", {"product_id": "A"})
    assert run("cart-1", add("A", 1), add("b", 2), add("c", 3), changed)["lines"] == lines(("A", 1), ("b", 9), ("c", 3))
    assert run("cart-1", add("A", 1), add("b", 2), removed)["lines"] == lines(("b", 2))
    assert refused("cart-1", changed) == "the cart has no line b"
    assert refused("cart-1", add("b", 1), removed) == "the cart has no line A"


@pytest.mark.parametrize("emptied", [("CartCleared", {}), ("CartCheckedOut", {"order_id": "o"})])
def test_a_cart_is_emptied(emptied: tuple[str, dict[str, Any]]) -> None:
    assert run("cart-1", add("A", 1), emptied) == {"cart_id": "1", "lines": [], "version": 2}


def test_restored_lines_are_added_to_what_is_there() -> None:
    restored = ("CartRestored", {"order_id": "o", "lines": lines(("A", 5), ("c", 1))})
    assert run("cart-1", add("A", 1), restored)["lines"] == lines(("A", 6), ("c", 1))


def test_an_unpublished_event_only_advances_the_version() -> None:
    for stream_id, first in (
        ("cart-1", add("A", 1)),
        ("order-1", ("OrderPlaced", PLACED)),
        ("product-A", ("ProductCreated", PRODUCT)),
        ("customer-1", ("CustomerRegistered", {"email": "a@b.example", "name": "Ann", "role": "customer"})),
    ):
        assert run(stream_id, first, ("Unpublished", {})) == run(stream_id, first) | {"version": 2}
    assert run("cart-1", ("Unpublished", {})) == {"cart_id": "1", "lines": [], "version": 1}


def test_a_placed_order_has_its_snapshot() -> None:
    assert run("order-1", ("OrderPlaced", PLACED)) == {
        "order_id": "1",
        "customer_id": "c1",
        "status": "awaiting_payment",
        "lines": [
            {"product_id": "A", "name": "RED LANTERN", "quantity": 3, "unit_amount": 295, "line_amount": 885},
            {"product_id": "b", "name": "BLUE MUG", "quantity": 1, "unit_amount": 100, "line_amount": 100},
        ],
        "product_ids": ["A", "b"],
        "total_amount": 985,
        "currency": "GBP",
        "shipping_address": ADDRESS,
        "refund": None,
        "placed_at": "2010-12-01T08:26:01.123456Z",
        "paid_at": None,
        "shipped_at": None,
        "cancelled_at": None,
        "carrier": None,
        "tracking": None,
        "cancel_reason": None,
        "decline_reason": None,
        "version": 1,
    }


CAPTURED = ("PaymentCaptured", {"amount": 985, "currency": "GBP"})
DECLINED = ("PaymentDeclined", {"reason": "declined"})
CANCELLED = ("OrderCancelled", {"reason": "too late", "refund": "pending"})
REFUNDED = ("PaymentRefunded", {"amount": 985, "currency": "GBP"})
SHIPPED = ("OrderShipped", {"carrier": "Royal Mail", "tracking": None})
ORDERED = ("OrderPlaced", PLACED | {"shipping_address": None})


@pytest.mark.parametrize(
    ("events", "changed"),
    [
        ([CAPTURED], {"status": "paid", "paid_at": "2010-12-01T08:26:02.123456Z"}),
        ([DECLINED], {"status": "payment_declined", "decline_reason": "declined"}),
        ([CANCELLED], {"status": "cancelled", "refund": "pending", "cancel_reason": "too late"}),
        ([CAPTURED, CANCELLED], {"status": "cancelled", "cancelled_at": "2010-12-01T08:26:03.123456Z"}),
        ([CAPTURED, CANCELLED, REFUNDED], {"status": "cancelled", "refund": "done"}),
        (
            [CAPTURED, SHIPPED],
            {"status": "shipped", "carrier": "Royal Mail", "shipped_at": "2010-12-01T08:26:03.123456Z"},
        ),
    ],
)
def test_an_order_goes_its_way(events: list[tuple[str, dict[str, Any]]], changed: dict[str, Any]) -> None:
    document = run("order-1", ORDERED, *events)
    assert {key: document[key] for key in changed} == changed
    assert document["version"] == 1 + len(events)


@pytest.mark.parametrize(
    ("stream_id", "events", "reason"),
    [
        ("order-1", [CAPTURED], "an order that begins with PaymentCaptured"),
        ("order-1", [ORDERED, ORDERED], "OrderPlaced on an order that stands already"),
        ("order-1", [ORDERED, SHIPPED], "OrderShipped on an order that is awaiting_payment"),
        ("order-1", [ORDERED, DECLINED, CAPTURED], "PaymentCaptured on an order that is payment_declined"),
        (
            "product-A",
            [("PriceChanged", {"unit_amount": 1, "currency": "GBP"})],
            "a product that begins with PriceChanged",
        ),
        ("product-A", [("ProductCreated", PRODUCT)] * 2, "ProductCreated on a product that stands already"),
        ("customer-1", [("Unpublished", {})], "a customer who begins with Unpublished"),
        (
            "customer-1",
            [("CustomerRegistered", {"email": "a@b.example", "name": "Ann", "role": "customer"})] * 2,
            "CustomerRegistered on a customer who stands already",
        ),
        ("cart-1", [ORDERED], "OrderPlaced on a stream of kind cart"),
        ("cart-1", [("CartPainted", {})], "unknown type CartPainted of schema version 1"),
        ("cart-1", [add("A", "1")], "ItemAddedToCart: 1 errors in its data"),  # type: ignore[arg-type]
        ("parcel-1", [("Unpublished", {})], "a stream of unknown kind parcel"),
    ],
)
def test_what_cannot_follow_is_refused(stream_id: str, events: list[Any], reason: str) -> None:
    assert refused(stream_id, *events) == reason


def test_a_product_lives() -> None:
    created = ("ProductCreated", PRODUCT)
    document = run("product-85123A", created)
    assert document == {
        "product_id": "85123A",
        **PRODUCT,
        "discontinued": False,
        "created_at": "2010-12-01T08:26:01.123456Z",
        "version": 1,
    }
    changes = (
        created,
        ("PriceChanged", {"unit_amount": 300, "currency": "GBP"}),
        ("StockAdjusted", {"delta": 5, "available": 25, "reason": "found"}),
        ("StockReserved", {"order_id": "o", "quantity": 4, "available": 21}),
        ("StockReleased", {"order_id": "o", "quantity": 1, "available": 22}),
        ("ProductDiscontinued", {}),
    )
    after = document | {"unit_amount": 300, "available": 22}
    assert run("product-85123A", *changes) == after | {"discontinued": True, "version": 6}
    assert run("product-85123A", *changes, ("ProductRelisted", {})) == after | {"discontinued": False, "version": 7}


def test_a_customer_changes() -> None:
    registered = ("CustomerRegistered", {"email": "Ann@B.example", "name": "Ann", "role": "customer"})
    document = run("customer-0194-1", registered)
    assert document == {
        "customer_id": "0194-1",
        "name": "Ann",
        "email": "Ann@B.example",
        "role": "customer",
        "address": None,
        "registered_at": "2010-12-01T08:26:01.123456Z",
        "version": 1,
    }
    updated = ("ProfileUpdated", {"name": "Anne", "email": "anne@b.example", "address": ADDRESS})
    assert run("customer-0194-1", registered, updated) == document | {
        "name": "Anne",
        "email": "anne@b.example",
        "address": ADDRESS,
        "version": 2,
    }
