"""Placing an order: one decision over the cart, the new order and every product in the cart (CORRECTNESS 5)."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from command_service.domain.cart import Cart
from command_service.domain.events import CartCheckedOut, CartEvent, OrderEvent, OrderPlaced, ProductEvent
from command_service.domain.product import Listed, NoProduct, Product, reserve
from command_service.domain.refusals import CartIsEmpty, OutOfStock, ProductsAreDiscontinued, Shortage, TotalChanged
from command_service.domain.values import CURRENCY, Address, CustomerId, OrderId, OrderLine, ProductId


@dataclass(frozen=True, slots=True)
class Checkout:
    """`expected_total_amount` is what the caller believes the cart to cost, None if they don't care."""

    order_id: OrderId
    customer_id: CustomerId
    shipping_address: Address | None
    expected_total_amount: int | None


@dataclass(frozen=True, slots=True)
class Changes:
    """What a decision over several streams appends to each; all empty when the command was a repeat."""

    cart: tuple[CartEvent, ...] = ()
    order: tuple[OrderEvent, ...] = ()
    products: Mapping[ProductId, tuple[ProductEvent, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PlacedOrder:
    """A successful checkout: what to append, and what the caller is told."""

    changes: Changes
    total_amount: int
    currency: str


Refusal = CartIsEmpty | ProductsAreDiscontinued | OutOfStock | TotalChanged


def place_order(cart: Cart, products: Mapping[ProductId, Product], command: Checkout) -> PlacedOrder | Refusal:
    """Every line is served or none is; a refusal names every line that it is about.

    `products` holds the state of each product in the cart, in any order; a missing one counts as discontinued. The
    order takes the snapshot of names and prices as they are now.
    """
    if not cart.lines:
        return CartIsEmpty()
    listed = {
        product_id: product
        for product_id in cart.lines
        if isinstance(product := products.get(product_id, NoProduct()), Listed)
    }
    if gone := [product_id for product_id in cart.lines if product_id not in listed]:
        return ProductsAreDiscontinued(
            tuple(Shortage(each, cart.lines[each], 0) for each in gone)  # what is not sold is not available
        )
    reserved = {
        product_id: event
        for product_id, quantity in cart.lines.items()
        if (event := reserve(listed[product_id], command.order_id, quantity))
    }
    if short := [product_id for product_id in cart.lines if product_id not in reserved]:
        return OutOfStock(tuple(Shortage(each, cart.lines[each], listed[each].available) for each in short))
    placed = _order_placed(cart, listed, command)
    if command.expected_total_amount not in {None, placed.total_amount}:
        return TotalChanged(placed.total_amount)
    changes = Changes(
        cart=(CartCheckedOut(command.order_id),),
        order=(placed,),
        products={product_id: (event,) for product_id, event in reserved.items()},
    )
    return PlacedOrder(changes, placed.total_amount, placed.currency)


def _order_placed(cart: Cart, listed: Mapping[ProductId, Listed], command: Checkout) -> OrderPlaced:
    lines = tuple(
        OrderLine(product_id, listed[product_id].name, quantity, listed[product_id].unit_amount)
        for product_id, quantity in cart.lines.items()
    )
    total_amount = sum(line.line_amount for line in lines)
    return OrderPlaced(command.customer_id, lines, total_amount, CURRENCY, command.shipping_address)
