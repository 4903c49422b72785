"""A product with its one stock number `available`: reserving lowers it, releasing raises it, it is never negative."""

from dataclasses import dataclass, replace
from typing import assert_never

from command_service.domain.events import (
    PriceChanged,
    ProductCreated,
    ProductDiscontinued,
    ProductEvent,
    ProductRelisted,
    StockAdjusted,
    StockReleased,
    StockReserved,
)
from command_service.domain.refusals import (
    ProductExists,
    ProductIsDiscontinued,
    ProductUnknown,
    StockAboveLimit,
    StockWouldBeNegative,
)
from command_service.domain.values import MAX_AVAILABLE, BrokenHistory, OrderId, ProductId


@dataclass(frozen=True, slots=True)
class NoProduct:
    pass


@dataclass(frozen=True, slots=True)
class Listed:
    name: str
    description: str
    category: str
    unit_amount: int
    currency: str
    available: int


@dataclass(frozen=True, slots=True)
class Discontinued:
    """No longer sold; pieces of cancelled and declined orders still come back to it (CORRECTNESS 10)."""

    last: Listed


Product = NoProduct | Listed | Discontinued


@dataclass(frozen=True, slots=True)
class Create:
    name: str
    description: str
    category: str
    unit_amount: int
    currency: str
    available: int


@dataclass(frozen=True, slots=True)
class ChangePrice:
    product_id: ProductId
    unit_amount: int


@dataclass(frozen=True, slots=True)
class AdjustStock:
    product_id: ProductId
    delta: int
    reason: str


@dataclass(frozen=True, slots=True)
class Discontinue:
    product_id: ProductId


@dataclass(frozen=True, slots=True)
class Relist:
    product_id: ProductId


Command = Create | ChangePrice | AdjustStock | Discontinue | Relist
Refusal = ProductUnknown | ProductIsDiscontinued | ProductExists | StockWouldBeNegative | StockAboveLimit


def decide(command: Command, state: Product) -> tuple[ProductEvent, ...] | Refusal:
    match state:
        case NoProduct():
            return _create(command) if isinstance(command, Create) else ProductUnknown(command.product_id)
        case Listed():
            return _decide_listed(command, state)
        case Discontinued():
            return _decide_discontinued(command)
        case _:
            assert_never(state)


def reserve(state: Listed, order_id: OrderId, quantity: int) -> StockReserved | None:
    """Take `quantity` pieces for an order; None when there are not that many."""
    if quantity > state.available:
        return None
    return StockReserved(order_id, quantity, state.available - quantity)


def release(state: Listed | Discontinued, order_id: OrderId, quantity: int) -> StockReleased:
    """Give an order's pieces back, also to a product that is no longer sold."""
    available = state.available if isinstance(state, Listed) else state.last.available
    return StockReleased(order_id, quantity, available + quantity)


def evolve(state: Product, event: ProductEvent) -> Product:
    """Raises BrokenHistory when the event cannot follow the state."""
    match state:
        case NoProduct():
            if not isinstance(event, ProductCreated):
                raise BrokenHistory(state, event)
            return Listed(
                event.name, event.description, event.category, event.unit_amount, event.currency, event.available
            )
        case Listed():
            return _evolve_listed(state, event)
        case Discontinued():
            match event:
                case StockReleased():
                    return Discontinued(replace(state.last, available=event.available))
                case ProductRelisted():
                    return state.last
                case _:
                    raise BrokenHistory(state, event)
        case _:
            assert_never(state)


def _create(command: Create) -> tuple[ProductEvent, ...]:
    return (
        ProductCreated(
            command.name,
            command.description,
            command.category,
            command.unit_amount,
            command.currency,
            command.available,
        ),
    )


def _decide_listed(command: Command, state: Listed) -> tuple[ProductEvent, ...] | Refusal:
    match command:
        case Create():
            return ProductExists()
        case ChangePrice(_, unit_amount):
            return () if unit_amount == state.unit_amount else (PriceChanged(unit_amount, state.currency),)
        case AdjustStock():
            return _adjust(command, state)
        case Discontinue():
            return (ProductDiscontinued(),)
        case Relist():
            return ()
        case _:
            assert_never(command)


def _adjust(command: AdjustStock, state: Listed) -> tuple[ProductEvent, ...] | StockWouldBeNegative | StockAboveLimit:
    available = state.available + command.delta
    if available < 0:
        return StockWouldBeNegative(state.available, command.delta)
    if command.delta > 0 and available > MAX_AVAILABLE:
        return StockAboveLimit(state.available, command.delta, MAX_AVAILABLE)
    return (StockAdjusted(command.delta, available, command.reason),) if command.delta else ()


def _decide_discontinued(command: Command) -> tuple[ProductEvent, ...] | Refusal:
    match command:
        case Create():
            return ProductExists()
        case Discontinue():
            return ()
        case Relist():
            return (ProductRelisted(),)
        case ChangePrice(product_id) | AdjustStock(product_id):
            return ProductIsDiscontinued(product_id)
        case _:
            assert_never(command)


def _evolve_listed(state: Listed, event: ProductEvent) -> Product:
    match event:
        case ProductCreated() | ProductRelisted():
            raise BrokenHistory(state, event)
        case PriceChanged(unit_amount, currency):
            return replace(state, unit_amount=unit_amount, currency=currency)
        case (
            StockAdjusted(available=available) | StockReserved(available=available) | StockReleased(available=available)
        ):
            return replace(state, available=available)
        case ProductDiscontinued():
            return Discontinued(state)
        case _:
            assert_never(event)
