"""Taking an order back, by a declined card or by cancelling it: one decision over order, products and cart.

CORRECTNESS 8 to 10. Both are harmless when repeated: the order's own state says whether there is something to do.
"""

from collections.abc import Mapping
from typing import Final, assert_never

from command_service.domain import order as orders
from command_service.domain.cart import Cart, fitting
from command_service.domain.checkout import Changes
from command_service.domain.events import CartEvent, CartRestored, OrderCancelled, PaymentRefunded, ProductEvent
from command_service.domain.order import Details, NoOrder, Order
from command_service.domain.product import NoProduct, Product, release
from command_service.domain.refusals import OrderUnknown, OutcomeContradicted
from command_service.domain.values import CartLine, OrderId, ProductId

NOT_PAID: Final = "not paid in time"
"""Why an order was cancelled by the shop itself."""


class ProductMissing(Exception):
    """A product of an order was not among those given to decide with. Field: `product_id`."""

    def __init__(self, product_id: ProductId) -> None:
        super().__init__(f"the state of {product_id}, a product of the order, is missing")
        self.product_id = product_id


def decline_payment(
    order: Order, order_id: OrderId, products: Mapping[ProductId, Product], cart: Cart, reason: str, *, late: bool
) -> Changes | orders.Refusal:
    """PaymentDeclined, the stock released and the lines put back into the customer's cart, together.

    `products` holds every product of the order; `late` says that the caller was told 202 before (CORRECTNESS 3): then
    the lines only go back into an empty cart. No events on an order that is declined or cancelled already; a refusal
    on one that the ledger's answer cannot be true of.
    """
    if isinstance(order, NoOrder):
        return OrderUnknown()
    decision = orders.decide(orders.DeclinePayment(reason), order)
    if not isinstance(decision, tuple):
        return decision
    if not decision:
        return Changes()
    released = _released(order.details, order_id, products)
    return Changes(cart=_restored(order.details, order_id, cart, late), order=decision, products=released)


def cancel_order(
    order: Order, order_id: OrderId, products: Mapping[ProductId, Product], reason: str
) -> Changes | orders.Refusal:
    """OrderCancelled and the stock released; the money is the ledger's to decide, by the void that the handler writes.

    `products` holds every product of the order. No events on an order that is cancelled already; a refusal once it is
    shipped or declined.
    """
    if isinstance(order, NoOrder):
        return OrderUnknown()
    decision = orders.decide(orders.Cancel(reason), order)
    if not isinstance(decision, tuple):
        return decision
    return Changes(order=decision, products=_released(order.details, order_id, products)) if decision else Changes()


def end_reservation(
    order: Order, order_id: OrderId, products: Mapping[ProductId, Product], cart: Cart, returned: int | None
) -> Changes | orders.Refusal:
    """The order that nobody could charge for in time is cancelled, the stock released, and the lines go back into the
    customer's cart if that is empty. The ledger has refused every charge before.

    `returned`: what the ledger had captured after all and has given back, None for nothing. `products` holds every
    product of the order. No events on an order that is cancelled already.
    """
    match order:
        case NoOrder():
            return OrderUnknown()
        case orders.Cancelled():
            return Changes()
        case orders.Declined() | orders.Shipped():
            return OutcomeContradicted(orders.status(order), "voided")
        case orders.AwaitingPayment(details) | orders.Paid(details):
            cancelled = OrderCancelled(NOT_PAID, None if returned is None else "pending")
            refunded = () if returned is None else (PaymentRefunded(returned, details.currency),)
            return Changes(
                cart=_restored(details, order_id, cart, late=True),
                order=(cancelled, *refunded),
                products=_released(details, order_id, products),
            )
        case _:
            assert_never(order)


def _released(
    details: Details, order_id: OrderId, products: Mapping[ProductId, Product]
) -> dict[ProductId, tuple[ProductEvent, ...]]:
    released: dict[ProductId, tuple[ProductEvent, ...]] = {}
    for line in details.lines:
        product = products.get(line.product_id, NoProduct())
        if isinstance(product, NoProduct):
            raise ProductMissing(line.product_id)
        released[line.product_id] = (release(product, order_id, line.quantity),)
    return released


def _restored(details: Details, order_id: OrderId, cart: Cart, late: bool) -> tuple[CartEvent, ...]:
    if late and cart.lines:
        return ()
    lines = fitting((CartLine(line.product_id, line.quantity) for line in details.lines), cart)
    return (CartRestored(order_id, lines),) if lines else ()
