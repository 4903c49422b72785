"""Reads of the write model: the state of one aggregate as last committed. Nothing here locks."""

from dataclasses import dataclass
from typing import Any

from command_service.adapters.summaries import Offer, read_offers
from command_service.codec import CART, CUSTOMER, KIND_OF_NAME, ORDER, PRODUCT
from command_service.domain.cart import Cart
from command_service.domain.customer import Customer
from command_service.domain.order import ExistingOrder, NoOrder
from command_service.domain.product import Product
from command_service.domain.refusals import OrderUnknown
from command_service.domain.values import OrderId, ProductId
from command_service.handlers.requests import Refused
from holdfast.eventstore import (
    Database,
    Kind,
    RecordedEvent,
    Stream,
    StreamUnknown,
    Transaction,
    history,
    newest_events,
    read_stream,
    state_at,
)
from holdfast.resilience.deadline import Deadline


@dataclass(frozen=True, slots=True)
class PricedCart:
    """A cart and the present offers of its products."""

    cart: Cart
    offers: dict[str, Offer]
    version: int


@dataclass(frozen=True, slots=True)
class OrderHistory:
    """An order's stream, and some of its events, oldest first."""

    stream: Stream[Any]
    events: list[RecordedEvent]


@dataclass(frozen=True, slots=True)
class StreamHistory:
    """A stream's state at a version as it is stored, and some of the events that led there, oldest first."""

    version: int
    state: dict[str, Any]
    events: list[RecordedEvent]


async def read_product(database: Database, deadline: Deadline, product_id: ProductId) -> Stream[Product]:
    """The product's stream; absent: version 0."""
    async with database.transaction(deadline) as tx:
        return await read_stream(tx, (PRODUCT, product_id))


async def read_profile(database: Database, deadline: Deadline, customer_id: str) -> Stream[Customer]:
    """The customer's stream; absent for a guest: version 0."""
    async with database.transaction(deadline) as tx:
        return await read_stream(tx, (CUSTOMER, customer_id))


async def read_cart(database: Database, deadline: Deadline, customer_id: str) -> PricedCart:
    """The customer's cart, empty at version 0 if it was never used."""
    async with database.transaction(deadline) as tx:
        stream: Stream[Cart] = await read_stream(tx, (CART, customer_id))
        offers = await read_offers(tx, stream.state.lines) if stream.state.lines else {}
    return PricedCart(stream.state, offers, stream.version)


async def read_order(
    database: Database, deadline: Deadline, owner: str | None, order_id: OrderId
) -> tuple[Stream[Any], ExistingOrder]:
    """The owner's order (None: whoever's). Raises Refused(OrderUnknown), for someone else's too."""
    async with database.transaction(deadline) as tx:
        return await _own_order(tx, owner, order_id)


async def read_order_history(
    database: Database, deadline: Deadline, owner: str | None, order_id: OrderId, after_version: int, limit: int
) -> OrderHistory:
    """Up to `limit` events of the owner's order (None: whoever's) above a version. Raises Refused(OrderUnknown)."""
    async with database.transaction(deadline) as tx:
        stream, _ = await _own_order(tx, owner, order_id)
        return OrderHistory(stream, await history(tx, stream.stream_id, after_version + 1, stream.version, limit))


async def read_history(
    database: Database, deadline: Deadline, stream_id: str, at_version: int | None, before: int | None, limit: int
) -> StreamHistory:
    """Any stream as it was at a version, its newest if None or beyond, with the last events up to it that are below
    version `before`: at most `limit`, fewer where they are large. The work is bounded however long the stream is.

    Raises StreamUnknown, and SnapshotMissing (see `state_at`).
    """
    name, _, identity = stream_id.partition("-")
    kind: Kind[Any, Any] | None = KIND_OF_NAME.get(name)
    if kind is None:
        raise StreamUnknown(stream_id)
    async with database.transaction(deadline) as tx:
        stream: Stream[Any] = await read_stream(tx, (kind, identity))
        if not stream.exists:
            raise StreamUnknown(stream_id)
        version = stream.version if at_version is None else min(at_version, stream.version)
        state = stream.state if version == stream.version else await state_at(tx, kind, stream_id, version)
        last = version if before is None else min(version, before - 1)
        events = await newest_events(tx, stream_id, last, limit)
        return StreamHistory(version, kind.dump_state(state), events)


async def _own_order(tx: Transaction, owner: str | None, order_id: OrderId) -> tuple[Stream[Any], ExistingOrder]:
    stream: Stream[Any] = await read_stream(tx, (ORDER, order_id))
    order = stream.state
    if isinstance(order, NoOrder) or owner not in {None, stream.owner}:
        raise Refused(OrderUnknown())
    return stream, order
