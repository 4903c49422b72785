"""Checkout: one transaction places the order, then the ledger is asked with what is left of the time.

Once OrderPlaced is committed every trouble is 202: settlement finishes what this call could not (CORRECTNESS 3, 5, 9).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog
import uuid_utils

from command_service.adapters import payment_work
from command_service.adapters.payments import Captured, CardDeclined, Payments
from command_service.codec import CART, ORDER, PRODUCT
from command_service.domain.checkout import Checkout, PlacedOrder, place_order
from command_service.domain.order import AwaitingPayment, Order
from command_service.domain.values import Address, CustomerId, OrderId
from command_service.handlers.checkout_answers import CheckoutAnswer, answer_of, replayed
from command_service.handlers.keys_at_work import RequestInProgress
from command_service.handlers.requests import CommandRequest, Refused
from command_service.handlers.settle import appends_of, apply_outcome, cart_version_of
from command_service.parts import CHECKOUT_POOL_NAME, Parts
from holdfast.eventstore import (
    Claim,
    CommandKey,
    Database,
    Stream,
    Transaction,
    append,
    find_claim,
    lock_streams,
    read_stream,
    take_over_claim,
    try_key_lock,
)
from holdfast.resilience.deadline import Deadline
from holdfast.resilience.settings import CHECKOUT_TOTAL_S

log = structlog.get_logger(__name__)

# Charging, and the transaction before it, end this much before the deadline: time to store and send the answer.
_ANSWER_SHARE_MS: Final = 150
# And the answer's own transaction this much, to send it.
_SEND_SHARE_MS: Final = 50
# How long after the request's deadline its work may be taken over: by a repeat, and by settlement (CORRECTNESS 3, 9).
LEASE_GRACE_S: Final = 1.0
# A direct call gets what the gateway would leave of a checkout's total.
_TOTAL_S: Final = CHECKOUT_TOTAL_S - 0.01


@dataclass(frozen=True, slots=True)
class CheckoutCommand:
    """What the caller asks for; their cart is what they buy."""

    payment_token: str
    shipping_address: Address | None
    expected_total_amount: int | None


@dataclass(frozen=True, slots=True)
class CheckedOut:
    """The answer, and whether it is the stored one of an earlier call."""

    answer: CheckoutAnswer
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class _Begun:
    """The order as its placing left it; `charge` says that the ledger is to be asked."""

    answer: CheckoutAnswer
    charge: bool
    replayed: bool = False


async def check_out(parts: Parts, request: CommandRequest, key: CommandKey, command: CheckoutCommand) -> CheckedOut:
    """Turn the caller's cart into an order and charge for it, once for a key.

    Raises RequestInProgress, KeyReused, VersionMismatch and Refused, and the event store's errors: nothing has happened
    then, or (with `committed_unknown`) a repeat with the key finds out.
    """
    deadline = request.deadline.at_most(_TOTAL_S)
    with parts.keys_at_work.hold(key.hash):
        begun = await _begin(parts.database, request, key, command, deadline)
        if begun.replayed:
            return CheckedOut(begun.answer, replayed=True)
        outcome = None
        if begun.charge:
            charging_ends = deadline.shortened_by(_ANSWER_SHARE_MS)
            outcome = await _charge(parts.payments, begun.answer, command.payment_token, charging_ends)
        return CheckedOut(await _answer(parts.database, request, begun.answer, outcome, deadline))


async def _charge(
    payments: Payments, placed: CheckoutAnswer, payment_token: str, deadline: Deadline
) -> Captured | CardDeclined | None:
    """The ledger's word on the money; None when it has none yet, or a cancellation voided the order."""
    try:
        answer = await payments.charge(placed.order_id, placed.total_amount, placed.currency, payment_token, deadline)
    except Exception as error:  # whatever it is: the order stands, and settlement will ask again
        log.warning("charge_unanswered", order_id=placed.order_id, error=f"{type(error).__name__}: {error}")
        return None
    return answer if isinstance(answer, Captured | CardDeclined) else None


async def _answer(
    database: Database,
    request: CommandRequest,
    placed: CheckoutAnswer,
    outcome: Captured | CardDeclined | None,
    deadline: Deadline,
) -> CheckoutAnswer:
    """Store outcome and answer together; if that fails the order awaits its payment, which settlement sees to."""
    deadline = deadline.shortened_by(_SEND_SHARE_MS)
    try:
        settled = await apply_outcome(database, placed.order_id, outcome, metadata=request.metadata, deadline=deadline)
    except Exception as error:
        log.warning("checkout_left_to_settlement", order_id=placed.order_id, error=f"{type(error).__name__}: {error}")
        return placed
    return settled.answer


async def _begin(
    database: Database, request: CommandRequest, key: CommandKey, command: CheckoutCommand, deadline: Deadline
) -> _Begun:
    async with database.transaction(deadline.shortened_by(_ANSWER_SHARE_MS), CHECKOUT_POOL_NAME) as tx:
        if not await try_key_lock(tx, key):
            raise RequestInProgress
        claim = await find_claim(tx, key)
        now = request.now()
        lease_until = now + timedelta(seconds=deadline.remaining_s() + LEASE_GRACE_S)
        if claim is None:
            return await _place(tx, request, key, command, now, lease_until)
        if (answer := replayed(claim)) is not None:
            return _Begun(answer, charge=False, replayed=True)
        if not await take_over_claim(tx, key, now=now, lease_until=lease_until):
            raise RequestInProgress
        return await _taken_over(tx, OrderId(claim.resource_id))


async def _taken_over(tx: Transaction, order_id: OrderId) -> _Begun:
    """The order of a call that ended without an answer: charged with the same id if it still waits for its payment."""
    order: Stream[Order] = await read_stream(tx, (ORDER, order_id))
    version = await cart_version_of(tx, order.owner or "")
    return _Begun(answer_of(order, version), charge=isinstance(order.state, AwaitingPayment))


async def _place(
    tx: Transaction,
    request: CommandRequest,
    key: CommandKey,
    command: CheckoutCommand,
    now: datetime,
    lease_until: datetime,
) -> _Begun:
    """Everything the order is, or a refusal that rolls all of it back. Locks cart, then order and products."""
    order_id = OrderId(str(uuid_utils.uuid7()))
    cart = (await lock_streams(tx, [(CART, request.subject)]))[CART.stream_id(request.subject)]
    request.require_version(cart)
    refs = [(PRODUCT, product_id) for product_id in cart.state.lines]
    locked = await lock_streams(tx, [(ORDER, order_id), *refs])
    order = locked[ORDER.stream_id(order_id)]
    products = {product_id: locked[PRODUCT.stream_id(product_id)] for product_id in cart.state.lines}
    states = {product_id: product.state for product_id, product in products.items()}
    placed = place_order(cart.state, states, _domain_command(order_id, request, command))
    if not isinstance(placed, PlacedOrder):
        raise Refused(placed)
    appends = appends_of(placed.changes, cart, order, products, owner=request.subject)
    claim = Claim(key, order_id, now, lease_until=lease_until)
    changed = await append(tx, appends, request.metadata, recorded_at=now, claims=[claim])
    await payment_work.owe_charge(tx, order_id, command.payment_token, lease_until, request.metadata)
    return _Begun(answer_of(changed[order.stream_id], changed[cart.stream_id].version), charge=True)


def _domain_command(order_id: OrderId, request: CommandRequest, command: CheckoutCommand) -> Checkout:
    return Checkout(order_id, CustomerId(request.subject), command.shipping_address, command.expected_total_amount)
