"""What a published event does to its document. Pure, one event at a time, no other stream (CORRECTNESS 20)."""

from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from holdfast.contracts.documents import (
    CartDocument,
    CustomerDocument,
    Document,
    OrderDocument,
    OrderLineDocument,
    ProductDocument,
)
from holdfast.contracts.messages import (
    UNPUBLISHED,
    AddressData,
    CartLine,
    MalformedMessage,
    Message,
    OrderLine,
    check_data,
    rfc3339,
)


class Unprojectable(Exception):
    """An event that cannot be understood, or cannot follow the document. Field: `reason`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def project(document: Document | None, message: Message) -> Document:
    """The document after the message; `document` (None: the stream's first event) is not changed.

    The caller has made sure that the message's version is the next one. Raises Unprojectable.
    """
    try:
        check_data(message)
    except MalformedMessage as error:
        raise Unprojectable(error.reason) from error
    after: Any
    match message.kind:
        case "cart":
            after = _cart(cast(CartDocument | None, document), message)
        case "order":
            after = _order(cast(OrderDocument | None, document), message)
        case "product":
            after = _product(cast(ProductDocument | None, document), message)
        case "customer":
            after = _customer(cast(CustomerDocument | None, document), message)
        case unknown:
            raise Unprojectable(f"a stream of unknown kind {unknown}")
    after["version"] = message.version
    return cast(Document, after)


def _cart(cart: CartDocument | None, message: Message) -> CartDocument:
    lines = cart["lines"] if cart else []
    data = message.data
    match message.type:
        case "ItemAddedToCart":
            lines = _added_up(lines, [CartLine(product_id=data["product_id"], quantity=data["quantity"])])
        case "ItemQuantityChanged":
            at = _place(lines, data["product_id"])
            lines = [*lines[:at], {**lines[at], "quantity": data["quantity"]}, *lines[at + 1 :]]
        case "ItemRemovedFromCart":
            at = _place(lines, data["product_id"])
            lines = [*lines[:at], *lines[at + 1 :]]
        case "CartCleared" | "CartCheckedOut":
            lines = []
        case "CartRestored":
            lines = _added_up(lines, data["lines"])
    return CartDocument(cart_id=message.aggregate_id, lines=lines, version=0)


def _place(lines: list[CartLine], product_id: str) -> int:
    for at, line in enumerate(lines):
        if line["product_id"] == product_id:
            return at
    raise Unprojectable(f"the cart has no line {product_id}")


def _added_up(lines: list[CartLine], more: list[CartLine]) -> list[CartLine]:
    held = {line["product_id"]: line["quantity"] for line in lines}
    for line in more:
        held[line["product_id"]] = held.get(line["product_id"], 0) + line["quantity"]
    return [CartLine(product_id=product_id, quantity=quantity) for product_id, quantity in held.items()]


def _order(order: OrderDocument | None, message: Message) -> OrderDocument:
    if message.type == "OrderPlaced":
        if order is not None:
            raise Unprojectable("OrderPlaced on an order that stands already")
        return _placed(message)
    if order is None:
        raise Unprojectable(f"an order that begins with {message.type}")
    if message.type == UNPUBLISHED:
        return order.copy()
    before, change = _ORDER_CHANGES[message.type]
    if order["status"] not in before:
        raise Unprojectable(f"{message.type} on an order that is {order['status']}")
    return cast(OrderDocument, {**order, **change(message)})


_ORDER_CHANGES: Final[Mapping[str, tuple[tuple[str, ...], Callable[[Message], dict[str, Any]]]]] = {
    "PaymentCaptured": (
        ("awaiting_payment",),
        lambda message: {"status": "paid", "paid_at": rfc3339(message.recorded_at)},
    ),
    "PaymentDeclined": (
        ("awaiting_payment",),
        lambda message: {"status": "payment_declined", "decline_reason": message.data["reason"]},
    ),
    "OrderCancelled": (
        ("awaiting_payment", "paid"),
        lambda message: {
            "status": "cancelled",
            "cancelled_at": rfc3339(message.recorded_at),
            "cancel_reason": message.data["reason"],
            "refund": message.data["refund"],
        },
    ),
    "PaymentRefunded": (("cancelled",), lambda _message: {"refund": "done"}),
    "OrderShipped": (
        ("paid",),
        lambda message: {
            "status": "shipped",
            "shipped_at": rfc3339(message.recorded_at),
            "carrier": message.data["carrier"],
            "tracking": message.data["tracking"],
        },
    ),
}


def _placed(message: Message) -> OrderDocument:
    data = message.data
    return OrderDocument(
        order_id=message.aggregate_id,
        customer_id=data["customer_id"],
        status="awaiting_payment",
        lines=[_order_line(line) for line in data["lines"]],
        product_ids=[line["product_id"] for line in data["lines"]],
        total_amount=data["total_amount"],
        currency=data["currency"],
        shipping_address=_address(data["shipping_address"]),
        refund=None,
        placed_at=rfc3339(message.recorded_at),
        paid_at=None,
        shipped_at=None,
        cancelled_at=None,
        carrier=None,
        tracking=None,
        cancel_reason=None,
        decline_reason=None,
        version=0,
    )


def _order_line(line: OrderLine) -> OrderLineDocument:
    return OrderLineDocument(
        product_id=line["product_id"],
        name=line["name"],
        quantity=line["quantity"],
        unit_amount=line["unit_amount"],
        line_amount=line["quantity"] * line["unit_amount"],
    )


def _address(address: AddressData | None) -> AddressData | None:
    """Only the fields of the contract: a later addition must not meet the strict mapping."""
    return address and AddressData(
        name=address["name"],
        line1=address["line1"],
        line2=address["line2"],
        city=address["city"],
        postcode=address["postcode"],
        country=address["country"],
    )


def _product(product: ProductDocument | None, message: Message) -> ProductDocument:
    data = message.data
    if message.type == "ProductCreated":
        if product is not None:
            raise Unprojectable("ProductCreated on a product that stands already")
        return ProductDocument(
            product_id=message.aggregate_id,
            name=data["name"],
            description=data["description"],
            category=data["category"],
            unit_amount=data["unit_amount"],
            currency=data["currency"],
            available=data["available"],
            discontinued=False,
            created_at=rfc3339(message.recorded_at),
            version=0,
        )
    if product is None:
        raise Unprojectable(f"a product that begins with {message.type}")
    after = product.copy()
    match message.type:
        case "PriceChanged":
            after["unit_amount"], after["currency"] = data["unit_amount"], data["currency"]
        case "StockAdjusted" | "StockReserved" | "StockReleased":
            after["available"] = data["available"]
        case "ProductDiscontinued":
            after["discontinued"] = True
        case "ProductRelisted":
            after["discontinued"] = False
    return after


def _customer(customer: CustomerDocument | None, message: Message) -> CustomerDocument:
    data = message.data
    if message.type == "CustomerRegistered":
        if customer is not None:
            raise Unprojectable("CustomerRegistered on a customer who stands already")
        return CustomerDocument(
            customer_id=message.aggregate_id,
            name=data["name"],
            email=data["email"],
            role=data["role"],
            address=None,
            registered_at=rfc3339(message.recorded_at),
            version=0,
        )
    if customer is None:
        raise Unprojectable(f"a customer who begins with {message.type}")
    after = customer.copy()
    if message.type == "ProfileUpdated":
        after["name"], after["email"], after["address"] = data["name"], data["email"], _address(data["address"])
    return after
