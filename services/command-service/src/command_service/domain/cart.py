"""A cart: product to quantity, in the order of adding. It has no names or prices and never reserves anything."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import assert_never

from command_service.domain.events import (
    CartCheckedOut,
    CartCleared,
    CartEvent,
    CartRestored,
    ItemAddedToCart,
    ItemQuantityChanged,
    ItemRemovedFromCart,
)
from command_service.domain.refusals import LineTooLarge, LineUnknown, TooManyLines
from command_service.domain.values import MAX_CART_LINES, MAX_LINE_QUANTITY, BrokenHistory, CartLine, ProductId


@dataclass(frozen=True, slots=True)
class Cart:
    """`lines` is never changed in place; a cart never used is `Cart()`."""

    lines: Mapping[ProductId, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AddItem:
    """AddItemToCart: adds up when the product is there already."""

    product_id: ProductId
    quantity: int


@dataclass(frozen=True, slots=True)
class ChangeQuantity:
    """ChangeItemQuantity: 0 removes the line."""

    product_id: ProductId
    quantity: int


@dataclass(frozen=True, slots=True)
class RemoveItem:
    product_id: ProductId


@dataclass(frozen=True, slots=True)
class Clear:
    pass


Command = AddItem | ChangeQuantity | RemoveItem | Clear
Refusal = TooManyLines | LineTooLarge | LineUnknown


def decide(command: Command, state: Cart) -> tuple[CartEvent, ...] | Refusal:
    match command:
        case AddItem():
            return _add(command, state)
        case ChangeQuantity(product_id, 0):
            return _remove(product_id, state)
        case ChangeQuantity(product_id, quantity):
            if product_id not in state.lines:
                return LineUnknown(product_id)
            return () if state.lines[product_id] == quantity else (ItemQuantityChanged(product_id, quantity),)
        case RemoveItem(product_id):
            return _remove(product_id, state)
        case Clear():
            return (CartCleared(),) if state.lines else ()
        case _:
            assert_never(command)


def evolve(state: Cart, event: CartEvent) -> Cart:
    """Raises BrokenHistory when the event speaks of a line that is not there."""
    match event:
        case ItemAddedToCart(product_id, quantity):
            return Cart({**state.lines, product_id: state.lines.get(product_id, 0) + quantity})
        case ItemQuantityChanged(product_id, quantity):
            if product_id not in state.lines:
                raise BrokenHistory(state, event)
            return Cart({**state.lines, product_id: quantity})
        case ItemRemovedFromCart(product_id):
            if product_id not in state.lines:
                raise BrokenHistory(state, event)
            return Cart({other: quantity for other, quantity in state.lines.items() if other != product_id})
        case CartCleared() | CartCheckedOut():
            return Cart()
        case CartRestored(_, lines):
            return Cart(_added_up(state.lines, lines))
        case _:
            assert_never(event)


def fitting(lines: Iterable[CartLine], state: Cart) -> tuple[CartLine, ...]:
    """What of `lines` can be added to the cart within its limits, in their order; quantities are cut, never refused."""
    held = dict(state.lines)
    fit = []
    for line in lines:
        quantity = min(line.quantity, MAX_LINE_QUANTITY - held.get(line.product_id, 0))
        if quantity < 1 or (line.product_id not in held and len(held) >= MAX_CART_LINES):
            continue
        held[line.product_id] = held.get(line.product_id, 0) + quantity
        fit.append(CartLine(line.product_id, quantity))
    return tuple(fit)


def _add(command: AddItem, state: Cart) -> tuple[CartEvent, ...] | TooManyLines | LineTooLarge:
    present = state.lines.get(command.product_id)
    if present is None and len(state.lines) >= MAX_CART_LINES:
        return TooManyLines(MAX_CART_LINES)
    if (present or 0) + command.quantity > MAX_LINE_QUANTITY:
        return LineTooLarge(command.product_id, present or 0, command.quantity, MAX_LINE_QUANTITY)
    return (ItemAddedToCart(command.product_id, command.quantity),)


def _remove(product_id: ProductId, state: Cart) -> tuple[CartEvent, ...]:
    return (ItemRemovedFromCart(product_id),) if product_id in state.lines else ()


def _added_up(held: Mapping[ProductId, int], lines: Iterable[CartLine]) -> dict[ProductId, int]:
    total = dict(held)
    for line in lines:
        total[line.product_id] = total.get(line.product_id, 0) + line.quantity
    return total
