"""What leaves the service: each stored event as one message of the contract (CORRECTNESS 16). The one such place.

Domain events may change with the domain; what stands here changes only with the contract.
"""

from collections.abc import Mapping
from typing import Any, Final, assert_never

from command_service.codec import KIND_OF_NAME
from command_service.domain import events
from command_service.domain.events import CartEvent, CustomerEvent, OrderEvent, ProductEvent
from command_service.domain.values import Address
from holdfast.contracts import messages
from holdfast.contracts.messages import Message
from holdfast.eventstore import RecordedEvent, UnknownEventType, UpcastLoop

Event = CartEvent | OrderEvent | ProductEvent | CustomerEvent
Published = tuple[str, Mapping[str, Any]]
"""The published type and its data."""

SCHEMA_VERSION: Final = 1


def publish(recorded: RecordedEvent) -> Message:
    """The message of a stored event, whatever its schema version.

    An event that this version of the service cannot read is published under its stored type and schema version
    without data: consumers park its stream (CORRECTNESS 17), nothing else waits for it, and re-queueing the stream
    from a service that can read it repairs it.
    """
    try:
        event = KIND_OF_NAME[recorded.kind_name].read(recorded)
    except (KeyError, ValueError, UnknownEventType, UpcastLoop):
        return _message(recorded, recorded.type, recorded.schema_version, {})
    name, data = published_form(event)
    return _message(recorded, name, SCHEMA_VERSION, data)


def _message(recorded: RecordedEvent, name: str, schema_version: int, data: Mapping[str, Any]) -> Message:
    audit = recorded.metadata.audit
    return Message(
        stream_id=recorded.stream_id,
        version=recorded.version,
        type=name,
        schema_version=schema_version,
        recorded_at=recorded.recorded_at,
        position=recorded.position,
        data=dict(data),
        metadata={
            "correlation_id": audit.correlation_id,
            "causation_id": audit.causation_id,
            "traceparent": audit.traceparent,
        },
    )


def published_form(event: Event) -> Published:
    """The published type and data of a domain event.

    An event that has to stay private is `(messages.UNPUBLISHED, {})`; today every event is public.
    """
    match event:
        case (
            events.ItemAddedToCart()
            | events.ItemQuantityChanged()
            | events.ItemRemovedFromCart()
            | events.CartCleared()
            | events.CartCheckedOut()
            | events.CartRestored()
        ):
            return _cart(event)
        case (
            events.OrderPlaced()
            | events.PaymentCaptured()
            | events.PaymentDeclined()
            | events.OrderCancelled()
            | events.PaymentRefunded()
            | events.OrderShipped()
        ):
            return _order(event)
        case events.CustomerRegistered() | events.ProfileUpdated():
            return _customer(event)
        case _:
            return _product(event)


def _cart(event: CartEvent) -> Published:
    match event:
        case events.ItemAddedToCart(product_id, quantity):
            return "ItemAddedToCart", messages.ItemAddedToCart(product_id=product_id, quantity=quantity)
        case events.ItemQuantityChanged(product_id, quantity):
            return "ItemQuantityChanged", messages.ItemQuantityChanged(product_id=product_id, quantity=quantity)
        case events.ItemRemovedFromCart(product_id):
            return "ItemRemovedFromCart", messages.ItemRemovedFromCart(product_id=product_id)
        case events.CartCleared():
            return "CartCleared", messages.CartCleared()
        case events.CartCheckedOut(order_id):
            return "CartCheckedOut", messages.CartCheckedOut(order_id=order_id)
        case events.CartRestored(order_id, lines):
            restored = [messages.CartLine(product_id=line.product_id, quantity=line.quantity) for line in lines]
            return "CartRestored", messages.CartRestored(order_id=order_id, lines=restored)
        case _:
            assert_never(event)


def _order(event: OrderEvent) -> Published:
    match event:
        case events.OrderPlaced():
            return "OrderPlaced", _order_placed(event)
        case events.PaymentCaptured(amount, currency):
            return "PaymentCaptured", messages.PaymentCaptured(amount=amount, currency=currency)
        case events.PaymentDeclined(reason):
            return "PaymentDeclined", messages.PaymentDeclined(reason=reason)
        case events.OrderCancelled(reason, refund):
            return "OrderCancelled", messages.OrderCancelled(reason=reason, refund=refund)
        case events.PaymentRefunded(amount, currency):
            return "PaymentRefunded", messages.PaymentRefunded(amount=amount, currency=currency)
        case events.OrderShipped(carrier, tracking):
            return "OrderShipped", messages.OrderShipped(carrier=carrier, tracking=tracking)
        case _:
            assert_never(event)


def _order_placed(event: events.OrderPlaced) -> messages.OrderPlaced:
    return messages.OrderPlaced(
        customer_id=event.customer_id,
        lines=[
            messages.OrderLine(
                product_id=line.product_id, name=line.name, quantity=line.quantity, unit_amount=line.unit_amount
            )
            for line in event.lines
        ],
        total_amount=event.total_amount,
        currency=event.currency,
        shipping_address=_address(event.shipping_address),
    )


def _product(event: ProductEvent) -> Published:
    match event:
        case events.ProductCreated(name, description, category, unit_amount, currency, available):
            return "ProductCreated", messages.ProductCreated(
                name=name,
                description=description,
                category=category,
                unit_amount=unit_amount,
                currency=currency,
                available=available,
            )
        case events.PriceChanged(unit_amount, currency):
            return "PriceChanged", messages.PriceChanged(unit_amount=unit_amount, currency=currency)
        case events.StockAdjusted(delta, available, reason):
            return "StockAdjusted", messages.StockAdjusted(delta=delta, available=available, reason=reason)
        case events.StockReserved(order_id, quantity, available):
            return "StockReserved", messages.StockReserved(order_id=order_id, quantity=quantity, available=available)
        case events.StockReleased(order_id, quantity, available):
            return "StockReleased", messages.StockReleased(order_id=order_id, quantity=quantity, available=available)
        case events.ProductDiscontinued():
            return "ProductDiscontinued", messages.ProductDiscontinued()
        case events.ProductRelisted():
            return "ProductRelisted", messages.ProductRelisted()
        case _:
            assert_never(event)


def _customer(event: CustomerEvent) -> Published:
    match event:
        case events.CustomerRegistered(email, name, role):
            return "CustomerRegistered", messages.CustomerRegistered(email=email, name=name, role=role)
        case events.ProfileUpdated(name, email, address):
            return "ProfileUpdated", messages.ProfileUpdated(name=name, email=email, address=_address(address))
        case _:
            assert_never(event)


def _address(address: Address | None) -> messages.AddressData | None:
    if address is None:
        return None
    return messages.AddressData(
        name=address.name,
        line1=address.line1,
        line2=address.line2,
        city=address.city,
        postcode=address.postcode,
        country=address.country,
    )
