"""Storing what the ledger says of an order's payment: the outcomes of payment as commands.

The checkout that asked, the cancellation that voided and settlement all come here; whoever is first stores the events,
and the answer of the checkout if it has none yet, in one transaction (CORRECTNESS 3, 8 to 10). Repeats do nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, assert_never

from command_service.adapters import payment_work
from command_service.adapters.payments import Captured, CardDeclined, NothingCaptured, Refunded
from command_service.codec import CART, ORDER, PRODUCT
from command_service.domain import order as orders
from command_service.domain.checkout import Changes
from command_service.domain.events import OrderEvent
from command_service.domain.order import NoOrder, Order
from command_service.domain.refusals import OutcomeContradicted
from command_service.domain.reversal import decline_payment, end_reservation
from command_service.domain.values import OrderId, ProductId
from command_service.handlers.checkout_answers import CheckoutAnswer, answer_of, store_answer, was_answered
from command_service.parts import CHECKOUT_POOL_NAME
from holdfast.eventstore import (
    Append,
    Database,
    Metadata,
    Stream,
    Transaction,
    append,
    lock_streams,
    read_stream,
)
from holdfast.resilience.deadline import Deadline


@dataclass(frozen=True, slots=True)
class Expired:
    """The order waited too long for its charge, and the ledger refuses it from now on. `returned`: what it had captured
    after all and has given back."""

    returned: int | None


Outcome = Captured | CardDeclined | Refunded | NothingCaptured | Expired


class LedgerContradicts(Exception):
    """The ledger's answer cannot be true of the order as it stands: an alarm, for a person to look at."""

    def __init__(self, order_id: OrderId, refusal: OutcomeContradicted) -> None:
        super().__init__(f"the ledger says {refusal.outcome} of order {order_id}, which is {refusal.status}")
        self.order_id = order_id
        self.refusal = refusal


@dataclass(frozen=True, slots=True)
class Settled:
    """The order as it stands now, and the answer of its checkout that counts."""

    order: Stream[Order]
    answer: CheckoutAnswer


@dataclass(frozen=True, slots=True)
class _Applied:
    order: Stream[Order]
    cart_version: int | None = None


async def apply_outcome(
    database: Database,
    order_id: OrderId,
    outcome: Outcome | None,
    *,
    metadata: Metadata,
    deadline: Deadline,
    by_settlement: bool = False,
    pool: str | None = None,
) -> Settled:
    """Store the outcome and what follows from it; None only answers the checkout with the order as it stands.

    Raises LedgerContradicts (nothing stored), LookupError for an order that does not exist, and the event store's
    errors. A decline and an expiry lock products and wait with the checkouts in their pool; the rest
    needs the order alone.
    """
    if pool is None:
        pool = CHECKOUT_POOL_NAME if isinstance(outcome, CardDeclined | Expired) else "default"
    async with database.transaction(deadline, pool) as tx:
        applied = await _apply(tx, order_id, outcome, metadata, late=by_settlement)
        await _strike_off(tx, order_id, outcome)
        version = applied.cart_version
        if version is None:
            version = await cart_version_of(tx, _existing(applied.order.state).details.customer_id)
        answer = await store_answer(tx, answer_of(applied.order, version))
    return Settled(applied.order, answer)


async def _apply(
    tx: Transaction, order_id: OrderId, outcome: Outcome | None, metadata: Metadata, *, late: bool
) -> _Applied:
    match outcome:
        case None:
            return _Applied(await read_stream(tx, (ORDER, order_id)))
        case CardDeclined() | Expired():
            return await _reverse(tx, order_id, outcome, metadata, late=late)
        case Captured() | Refunded() | NothingCaptured():
            order = (await lock_streams(tx, [(ORDER, order_id)]))[ORDER.stream_id(order_id)]
            events = _accepted(order_id, _decide(outcome, order.state))
            changed = await append(tx, [Append(order, events)], metadata, recorded_at=datetime.now(UTC))
            return _Applied(changed.get(order.stream_id, order))
        case _:
            assert_never(outcome)


def _decide(outcome: Captured | Refunded | NothingCaptured, state: Order) -> orders.Decision:
    details = _existing(state).details
    match outcome:
        case Captured():
            return orders.decide(orders.CapturePayment(details.total_amount, details.currency), state)
        case Refunded(amount):
            return orders.decide(orders.RefundPayment(amount, details.currency), state)
        case NothingCaptured():
            if orders.refund(_existing(state)) == "pending":
                return OutcomeContradicted(orders.status(_existing(state)), "never captured")
            return ()
        case _:
            assert_never(outcome)


async def _reverse(
    tx: Transaction, order_id: OrderId, outcome: CardDeclined | Expired, metadata: Metadata, *, late: bool
) -> _Applied:
    # Which cart and products belong to the order never changes, so it is read before they are all locked by one call.
    details = _existing((await read_stream(tx, (ORDER, order_id))).state).details
    product_ids = [line.product_id for line in details.lines]
    cart_ref, order_ref = (CART, details.customer_id), (ORDER, order_id)
    locked = await lock_streams(tx, [cart_ref, order_ref, *((PRODUCT, product_id) for product_id in product_ids)])
    cart, order = locked[CART.stream_id(details.customer_id)], locked[ORDER.stream_id(order_id)]
    products = {product_id: locked[PRODUCT.stream_id(product_id)] for product_id in product_ids}
    states = {product_id: product.state for product_id, product in products.items()}
    match outcome:
        case CardDeclined(reason):
            late = late or await was_answered(tx, order_id)
            decision = decline_payment(order.state, order_id, states, cart.state, reason, late=late)
        case Expired(returned):
            decision = end_reservation(order.state, order_id, states, cart.state, returned)
        case _:
            assert_never(outcome)
    if not isinstance(decision, Changes):
        raise _refused(order_id, decision)
    changes = appends_of(decision, cart, order, products)
    changed = await append(tx, changes, metadata, recorded_at=datetime.now(UTC))
    return _Applied(changed.get(order.stream_id, order), changed.get(cart.stream_id, cart).version)


def appends_of(
    changes: Changes,
    cart: Stream[Any],
    order: Stream[Order],
    products: Mapping[ProductId, Stream[Any]],
    *,
    owner: str | None = None,
) -> list[Append]:
    """A decision over several streams as the event store takes it; `owner` is a new order's."""
    released = [Append(products[product_id], events) for product_id, events in changes.products.items()]
    return [Append(cart, changes.cart), Append(order, changes.order, owner=owner), *released]


def _existing(state: Order) -> orders.ExistingOrder:
    if isinstance(state, NoOrder):
        raise LookupError("an order that payment work names does not exist")
    return state


def _accepted(order_id: OrderId, decision: orders.Decision) -> Sequence[OrderEvent]:
    if isinstance(decision, tuple):
        return decision
    raise _refused(order_id, decision)


def _refused(order_id: OrderId, refusal: orders.Refusal) -> Exception:
    if isinstance(refusal, OutcomeContradicted):
        return LedgerContradicts(order_id, refusal)
    return LookupError(f"order {order_id} takes no outcome of payment: {refusal}")


async def _strike_off(tx: Transaction, order_id: OrderId, outcome: Outcome | None) -> None:
    match outcome:
        case Captured() | CardDeclined() | Expired():
            await payment_work.done(tx, order_id, "charge")
        case Refunded() | NothingCaptured():
            await payment_work.done(tx, order_id, "void")
        case None:
            pass
        case _:
            assert_never(outcome)


async def cart_version_of(tx: Transaction, customer_id: str) -> int:
    """The present version of a customer's cart, without reading what is in it; 0 if it was never used."""
    version = await tx.fetchval("SELECT version FROM streams WHERE stream_id = $1", CART.stream_id(customer_id))
    return version or 0
