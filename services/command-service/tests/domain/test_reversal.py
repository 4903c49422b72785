import pytest
from hypothesis import given

from command_service.domain.cart import Cart, evolve
from command_service.domain.checkout import Changes
from command_service.domain.events import CartRestored, OrderCancelled, PaymentDeclined, PaymentRefunded, StockReleased
from command_service.domain.order import (
    AwaitingPayment,
    Cancelled,
    Declined,
    Details,
    ExistingOrder,
    NoOrder,
    Paid,
    Shipped,
)
from command_service.domain.product import Discontinued, Listed, Product
from command_service.domain.refusals import OrderNotCancellable, OrderUnknown, OutcomeContradicted
from command_service.domain.reversal import NOT_PAID, ProductMissing, cancel_order, decline_payment, end_reservation
from command_service.domain.values import MAX_LINE_QUANTITY, CartLine, OrderLine, ProductId
from command_service.testing.strategies import CUSTOMER, ORDER, carts, details

MUG, LAMP = ProductId("mug"), ProductId("lamp")
DETAILS = Details(CUSTOMER, (OrderLine(MUG, "A mug", 2, 250), OrderLine(LAMP, "A lamp", 1, 900)), 1_400, "GBP", None)
AWAITING = AwaitingPayment(DETAILS)
PRODUCTS: dict[ProductId, Product] = {
    MUG: Listed("A mug", "", "Kitchen", 250, "GBP", 5),
    LAMP: Discontinued(Listed("A lamp", "", "Home", 900, "GBP", 0)),
}
RELEASED = {MUG: (StockReleased(ORDER, 2, 7),), LAMP: (StockReleased(ORDER, 1, 1),)}
RESTORED = CartRestored(ORDER, (CartLine(MUG, 2), CartLine(LAMP, 1)))


def test_a_decline_releases_the_stock_and_puts_the_lines_back() -> None:
    changes = decline_payment(AWAITING, ORDER, PRODUCTS, Cart(), "no funds", late=False)
    assert changes == Changes((RESTORED,), (PaymentDeclined("no funds"),), RELEASED)


def test_a_decline_told_at_once_adds_to_what_was_put_into_the_cart_meanwhile() -> None:
    changes = decline_payment(AWAITING, ORDER, PRODUCTS, Cart({MUG: 1}), "no funds", late=False)
    assert isinstance(changes, Changes)
    assert changes.cart == (RESTORED,)


def test_a_late_decline_leaves_a_cart_alone_that_is_in_use_again() -> None:
    changes = decline_payment(AWAITING, ORDER, PRODUCTS, Cart({MUG: 1}), "no funds", late=True)
    assert changes == Changes((), (PaymentDeclined("no funds"),), RELEASED)
    empty = decline_payment(AWAITING, ORDER, PRODUCTS, Cart(), "no funds", late=True)
    assert isinstance(empty, Changes)
    assert empty.cart == (RESTORED,)


def test_lines_that_fit_nowhere_are_not_put_back() -> None:
    full = Cart({MUG: MAX_LINE_QUANTITY, LAMP: MAX_LINE_QUANTITY})
    changes = decline_payment(AWAITING, ORDER, PRODUCTS, full, "no funds", late=False)
    assert isinstance(changes, Changes)
    assert changes.cart == ()


@pytest.mark.parametrize("order", [Declined(DETAILS, "no funds"), Cancelled(DETAILS, "no need", None)])
def test_a_decline_of_what_is_over_changes_nothing(order: ExistingOrder) -> None:
    assert decline_payment(order, ORDER, PRODUCTS, Cart(), "no funds", late=True) == Changes()


def test_a_decline_of_what_was_captured_is_a_contradiction() -> None:
    contradicted = OutcomeContradicted("paid", "declined")
    assert decline_payment(Paid(DETAILS), ORDER, PRODUCTS, Cart(), "no funds", late=True) == contradicted


@pytest.mark.parametrize(("order", "refund"), [(AWAITING, None), (Paid(DETAILS), "pending")])
def test_a_cancellation_releases_the_stock_and_leaves_the_cart(order: ExistingOrder, refund: str | None) -> None:
    changes = cancel_order(order, ORDER, PRODUCTS, "no need")
    assert isinstance(changes, Changes)
    assert changes == Changes((), changes.order, RELEASED)
    (cancelled,) = changes.order
    assert isinstance(cancelled, OrderCancelled)
    assert (cancelled.reason, cancelled.refund) == ("no need", refund)


def test_a_second_cancellation_changes_nothing() -> None:
    assert cancel_order(Cancelled(DETAILS, "no need", "done"), ORDER, PRODUCTS, "again") == Changes()


def test_a_declined_order_is_not_cancelled() -> None:
    refusal = OrderNotCancellable("payment_declined")
    assert cancel_order(Declined(DETAILS, "no funds"), ORDER, PRODUCTS, "no need") == refusal


def test_an_unknown_order_is_unknown() -> None:
    assert decline_payment(NoOrder(), ORDER, PRODUCTS, Cart(), "no funds", late=False) == OrderUnknown()
    assert cancel_order(NoOrder(), ORDER, PRODUCTS, "no need") == OrderUnknown()


def test_a_product_that_was_not_read_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ProductMissing) as missing:
        cancel_order(AWAITING, ORDER, {MUG: PRODUCTS[MUG]}, "no need")
    assert missing.value.product_id == LAMP


@given(details, carts)
def test_a_declined_orders_lines_come_back_within_the_limits(details: Details, cart: Cart) -> None:
    products = {line.product_id: PRODUCTS[MUG] for line in details.lines}
    changes = decline_payment(AwaitingPayment(details), ORDER, products, cart, "no funds", late=False)
    assert isinstance(changes, Changes)
    after = cart
    for event in changes.cart:
        after = evolve(after, event)
    for line in details.lines:
        whole = cart.lines.get(line.product_id, 0) + line.quantity
        assert after.lines[line.product_id] == min(whole, MAX_LINE_QUANTITY)
    assert {each: events[0].quantity for each, events in changes.products.items()} == {  # type: ignore[union-attr]
        line.product_id: line.quantity for line in details.lines
    }


def test_an_order_that_nobody_could_charge_for_is_cancelled_and_its_stock_released() -> None:
    changes = end_reservation(AWAITING, ORDER, PRODUCTS, Cart(), None)
    assert changes == Changes((RESTORED,), (OrderCancelled(NOT_PAID, None),), RELEASED)
    in_use = end_reservation(AWAITING, ORDER, PRODUCTS, Cart({MUG: 1}), None)
    assert in_use == Changes((), (OrderCancelled(NOT_PAID, None),), RELEASED)


@pytest.mark.parametrize("order", [AWAITING, Paid(DETAILS)])
def test_what_the_ledger_had_captured_after_all_is_refunded(order: ExistingOrder) -> None:
    changes = end_reservation(order, ORDER, PRODUCTS, Cart(), 1_400)
    assert isinstance(changes, Changes)
    assert changes.order == (OrderCancelled(NOT_PAID, "pending"), PaymentRefunded(1_400, "GBP"))


def test_the_reservation_of_a_cancelled_order_has_ended_already() -> None:
    assert end_reservation(Cancelled(DETAILS, "no need", None), ORDER, PRODUCTS, Cart(), None) == Changes()


@pytest.mark.parametrize(
    ("order", "status"), [(Declined(DETAILS, "no"), "payment_declined"), (Shipped(DETAILS, None, None), "shipped")]
)
def test_the_end_of_a_reservation_contradicts_what_is_over(order: ExistingOrder, status: str) -> None:
    assert end_reservation(order, ORDER, PRODUCTS, Cart(), None) == OutcomeContradicted(status, "voided")


def test_an_unknown_order_has_no_reservation() -> None:
    assert end_reservation(NoOrder(), ORDER, PRODUCTS, Cart(), None) == OrderUnknown()
