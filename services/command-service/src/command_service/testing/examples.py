"""One event of each class, and one state of each shape, for the golden files and the round trips."""

from typing import Any, Final

from command_service.codec import CART, CUSTOMER, ORDER, PRODUCT
from command_service.domain import customer, events, order, product
from command_service.domain.cart import Cart
from command_service.domain.values import Address, CartLine, CustomerId, OrderId, OrderLine, ProductId
from holdfast.eventstore import Kind

ORDER_ID: Final = OrderId("0190aaaa-0000-7000-8000-000000000001")
CUSTOMER_ID: Final = CustomerId("0190bbbb-0000-7000-8000-000000000002")
MUG: Final = ProductId("85123A")
ADDRESS: Final = Address("Zoë Ó", "1 High St", "Flat 2", "London", "N1 1AA", "GB")
LINES: Final = (OrderLine(MUG, "A “mug”", 2, 250), OrderLine(ProductId("85123a"), "A lantern", 1, 10_000_000))
DETAILS: Final = order.Details(CUSTOMER_ID, LINES, 10_000_500, "GBP", ADDRESS)

EVENTS: Final[list[tuple[Kind[Any, Any], str, Any]]] = [
    (CART, CUSTOMER_ID, events.ItemAddedToCart(MUG, 2)),
    (CART, CUSTOMER_ID, events.ItemQuantityChanged(MUG, 100_000)),
    (CART, CUSTOMER_ID, events.ItemRemovedFromCart(MUG)),
    (CART, CUSTOMER_ID, events.CartCleared()),
    (CART, CUSTOMER_ID, events.CartCheckedOut(ORDER_ID)),
    (CART, CUSTOMER_ID, events.CartRestored(ORDER_ID, (CartLine(MUG, 2), CartLine(ProductId("85123a"), 1)))),
    (ORDER, ORDER_ID, events.OrderPlaced(CUSTOMER_ID, LINES, 10_000_500, "GBP", ADDRESS)),
    (ORDER, ORDER_ID, events.PaymentCaptured(10_000_500, "GBP")),
    (ORDER, ORDER_ID, events.PaymentDeclined("declined by the card")),
    (ORDER, ORDER_ID, events.OrderCancelled("no longer needed", "pending")),
    (ORDER, ORDER_ID, events.PaymentRefunded(10_000_500, "GBP")),
    (ORDER, ORDER_ID, events.OrderShipped("Royal Mail", "RM 1")),
    (PRODUCT, MUG, events.ProductCreated("A “mug”", "Blue", "Kitchen", 250, "GBP", 20)),
    (PRODUCT, MUG, events.PriceChanged(300, "GBP")),
    (PRODUCT, MUG, events.StockAdjusted(-5, 15, "broken")),
    (PRODUCT, MUG, events.StockReserved(ORDER_ID, 2, 13)),
    (PRODUCT, MUG, events.StockReleased(ORDER_ID, 2, 15)),
    (PRODUCT, MUG, events.ProductDiscontinued()),
    (PRODUCT, MUG, events.ProductRelisted()),
    (CUSTOMER, CUSTOMER_ID, events.CustomerRegistered("Zoe@Example.org", "Zoë Ó", "customer")),
    (CUSTOMER, CUSTOMER_ID, events.ProfileUpdated("Zoë Ó", "zoe@example.org", ADDRESS)),
]

BARE: Final[list[tuple[Kind[Any, Any], Any]]] = [
    (ORDER, events.OrderPlaced(CUSTOMER_ID, LINES, 10_000_500, "GBP", None)),
    (ORDER, events.OrderCancelled("no longer needed", None)),
    (ORDER, events.OrderShipped(None, None)),
    (CUSTOMER, events.ProfileUpdated("Zoë Ó", "zoe@example.org", None)),
]
"""The same events with what is optional left out."""

_LISTED = product.Listed("A “mug”", "Blue", "Kitchen", 250, "GBP", 20)
STATES: Final[list[tuple[Kind[Any, Any], Any]]] = [
    (CART, Cart()),
    (CART, Cart({ProductId("Z"): 3, MUG: 2, ProductId("85123a"): 1})),
    (PRODUCT, product.NoProduct()),
    (PRODUCT, _LISTED),
    (PRODUCT, product.Discontinued(_LISTED)),
    (ORDER, order.NoOrder()),
    (ORDER, order.AwaitingPayment(DETAILS)),
    (ORDER, order.Paid(order.Details(CUSTOMER_ID, LINES, 10_000_500, "GBP", None))),
    (ORDER, order.Declined(DETAILS, "declined by the card")),
    (ORDER, order.Cancelled(DETAILS, "no longer needed", None)),
    (ORDER, order.Cancelled(DETAILS, "no longer needed", "pending")),
    (ORDER, order.Cancelled(DETAILS, "no longer needed", "done")),
    (ORDER, order.Shipped(DETAILS, None, "RM 1")),
    (CUSTOMER, customer.Guest()),
    (CUSTOMER, customer.Registered("zoe@example.org", "Zoë Ó", "admin", ADDRESS)),
]
