"""Cancelling an order: the stock comes back at once, the money by a void at the ledger (CORRECTNESS 8, 9).

The void is written down in the order's own transaction, whatever was captured or not: only the ledger knows, and it
refuses every charge that still comes. So a cancellation racing with a capture never keeps the money.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import structlog

from command_service.adapters import payment_work
from command_service.adapters.payments import Payments, Pending
from command_service.codec import CART, ORDER, PRODUCT
from command_service.domain import order as orders
from command_service.domain.checkout import Changes
from command_service.domain.order import NoOrder, Order, Refund
from command_service.domain.refusals import OrderUnknown
from command_service.domain.reversal import cancel_order
from command_service.domain.values import OrderId
from command_service.handlers.requests import CommandRequest, Refused
from command_service.handlers.settle import apply_outcome, cart_version_of
from command_service.parts import CHECKOUT_POOL_NAME, Parts
from holdfast.eventstore import (
    Append,
    Database,
    Stream,
    Transaction,
    append,
    lock_streams,
    lock_streams_and_find_claim,
)

log = structlog.get_logger(__name__)

_ANSWER_SHARE_MS: Final = 150  # of the deadline, kept to store the void's outcome and send the answer
_SEND_SHARE_MS: Final = 50
_PROMPT_S: Final = (
    0.08  # a refund takes 10 ms; a ledger that needs longer must not slow cancelling down: settlement asks again
)
_LONGEST_S: Final = 2.0  # more than any call takes; with deadlines switched off settlement would wait for a minute
_LEASE_GRACE_S: Final = 1.0  # settlement takes the void up this long after the request's deadline


@dataclass(frozen=True, slots=True)
class CancelDone:
    """The cancelled order as it stands now; `versions` are those of the caller's own streams."""

    order_id: OrderId
    refund: Refund
    version: int
    versions: dict[str, int]
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class _Cancelled:
    order: Stream[Order]
    cart_version: int
    void: bool = False
    replayed: bool = False


async def cancel(parts: Parts, request: CommandRequest, order_id: OrderId, reason: str) -> CancelDone:
    """Cancel the caller's own order, or anybody's for an administrator.

    An order that is cancelled already is answered as it stands. Raises Refused (unknown, not cancellable),
    VersionMismatch, KeyReused and the event store's errors.
    """
    deadline = request.deadline.shortened_by(_ANSWER_SHARE_MS)
    async with parts.database.transaction(deadline, CHECKOUT_POOL_NAME, key=request.key) as tx:
        cancelled = await _cancel(tx, request, order_id, reason)
    order = cancelled.order
    if cancelled.void:
        order = await _void(parts.database, parts.payments, request, order)
    versions = {order.stream_id: order.version}
    if order.owner == request.subject:
        versions[CART.stream_id(request.subject)] = cancelled.cart_version
    state = order.state
    assert not isinstance(state, NoOrder)
    return CancelDone(order_id, orders.refund(state), order.version, versions, cancelled.replayed)


async def _cancel(tx: Transaction, request: CommandRequest, order_id: OrderId, reason: str) -> _Cancelled:
    locked, claim = await lock_streams_and_find_claim(tx, [(ORDER, order_id)], request.key)
    order = locked[ORDER.stream_id(order_id)]
    if isinstance(order.state, NoOrder) or (order.owner != request.subject and request.role != "admin"):
        raise Refused(OrderUnknown())
    cart_version = await cart_version_of(tx, order.owner or "")
    if claim is not None:
        return _Cancelled(order, cart_version, replayed=True)
    locked |= await lock_streams(tx, [(PRODUCT, line.product_id) for line in order.state.details.lines])
    now = request.now()
    request.require_version(order)
    products = {line.product_id: locked[PRODUCT.stream_id(line.product_id)].state for line in order.state.details.lines}
    changes = cancel_order(order.state, order_id, products, reason)
    if not isinstance(changes, Changes):
        raise Refused(changes)
    if not changes.order:
        return _Cancelled(order, cart_version)
    claims = request.claims(order.stream_id, order.version + len(changes.order), now)
    changed = await append(tx, _appends(changes, locked, order_id), request.metadata, recorded_at=now, claims=claims)
    due_at = now + timedelta(seconds=request.deadline.at_most(_LONGEST_S).remaining_s() + _LEASE_GRACE_S)
    await payment_work.owe_void(tx, order_id, due_at, request.metadata)
    return _Cancelled(changed[order.stream_id], cart_version, void=True)


def _appends(changes: Changes, locked: dict[str, Stream[Any]], order_id: OrderId) -> list[Append]:
    released = [Append(locked[PRODUCT.stream_id(each)], events) for each, events in changes.products.items()]
    return [Append(locked[ORDER.stream_id(order_id)], changes.order), *released]


async def _void(database: Database, payments: Payments, request: CommandRequest, order: Stream[Order]) -> Stream[Order]:
    """Ask the ledger now, for a moment; the order afterwards. Whatever goes wrong, settlement asks again."""
    order_id = OrderId(order.identity)
    try:
        outcome = await payments.void(order_id, request.deadline.shortened_by(_ANSWER_SHARE_MS).at_most(_PROMPT_S))
        if isinstance(outcome, Pending):
            return order
        deadline = request.deadline.shortened_by(_SEND_SHARE_MS)
        return (await apply_outcome(database, order_id, outcome, metadata=request.metadata, deadline=deadline)).order
    except Exception as error:
        log.warning("void_left_to_settlement", order_id=order_id, error=f"{type(error).__name__}: {error}")
        return order
