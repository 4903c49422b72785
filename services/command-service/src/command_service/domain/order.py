"""An order from its placing to its shipping or its end, and what becomes of its payment (CORRECTNESS 8 to 10)."""

from dataclasses import dataclass
from typing import Literal, assert_never

from command_service.domain.events import (
    OrderCancelled,
    OrderEvent,
    OrderPlaced,
    OrderShipped,
    PaymentCaptured,
    PaymentDeclined,
    PaymentRefunded,
)
from command_service.domain.refusals import (
    OrderNotCancellable,
    OrderNotShippable,
    OrderUnknown,
    OutcomeContradicted,
)
from command_service.domain.values import Address, BrokenHistory, CustomerId, OrderLine

Refund = Literal["pending", "done"] | None
Status = Literal["awaiting_payment", "paid", "payment_declined", "cancelled", "shipped"]


@dataclass(frozen=True, slots=True)
class Details:
    """What was ordered; never changes. When it was placed is the stream's created_at."""

    customer_id: CustomerId
    lines: tuple[OrderLine, ...]
    total_amount: int
    currency: str
    shipping_address: Address | None


@dataclass(frozen=True, slots=True)
class NoOrder:
    pass


@dataclass(frozen=True, slots=True)
class AwaitingPayment:
    details: Details


@dataclass(frozen=True, slots=True)
class Paid:
    details: Details


@dataclass(frozen=True, slots=True)
class Declined:
    details: Details
    reason: str


@dataclass(frozen=True, slots=True)
class Cancelled:
    """`refund` is None while nothing is known to have been captured."""

    details: Details
    reason: str
    refund: Refund


@dataclass(frozen=True, slots=True)
class Shipped:
    details: Details
    carrier: str | None
    tracking: str | None


ExistingOrder = AwaitingPayment | Paid | Declined | Cancelled | Shipped
Order = NoOrder | ExistingOrder


@dataclass(frozen=True, slots=True)
class CapturePayment:
    """The ledger says that `amount` was captured."""

    amount: int
    currency: str


@dataclass(frozen=True, slots=True)
class DeclinePayment:
    """The ledger says that the card was declined."""

    reason: str


@dataclass(frozen=True, slots=True)
class Cancel:
    """CancelOrder."""

    reason: str


@dataclass(frozen=True, slots=True)
class RefundPayment:
    """The ledger says that `amount` was given back."""

    amount: int
    currency: str


@dataclass(frozen=True, slots=True)
class Ship:
    """ShipOrder."""

    carrier: str | None
    tracking: str | None


Command = CapturePayment | DeclinePayment | Cancel | RefundPayment | Ship
Refusal = OrderUnknown | OrderNotCancellable | OrderNotShippable | OutcomeContradicted
Decision = tuple[OrderEvent, ...] | Refusal


def status(order: ExistingOrder) -> Status:
    """The word of API.md for the order's state."""
    match order:
        case AwaitingPayment():
            return "awaiting_payment"
        case Paid():
            return "paid"
        case Declined():
            return "payment_declined"
        case Cancelled():
            return "cancelled"
        case Shipped():
            return "shipped"
        case _:
            assert_never(order)


def refund(order: ExistingOrder) -> Refund:
    """The refund as API.md shows it."""
    return order.refund if isinstance(order, Cancelled) else None


def decide(command: Command, state: Order) -> Decision:
    """Outcomes of payment come in any order and more than once: a repeat yields nothing, and so does a capture or a
    decline on a cancelled order, whose void at the ledger already decides about the money (CORRECTNESS 8).
    """
    if isinstance(state, NoOrder):
        return OrderUnknown()
    match command:
        case CapturePayment():
            return _capture(command, state)
        case DeclinePayment():
            return _decline(command, state)
        case Cancel():
            return _cancel(command, state)
        case RefundPayment():
            return _refund(command, state)
        case Ship():
            return _ship(command, state)
        case _:
            assert_never(command)


def evolve(state: Order, event: OrderEvent) -> Order:
    """Raises BrokenHistory when the event cannot follow the state."""
    match event, state:
        case OrderPlaced(customer_id, lines, total_amount, currency, address), NoOrder():
            return AwaitingPayment(Details(customer_id, lines, total_amount, currency, address))
        case PaymentCaptured(), AwaitingPayment(details):
            return Paid(details)
        case PaymentDeclined(reason), AwaitingPayment(details):
            return Declined(details, reason)
        case OrderCancelled(reason, refund), AwaitingPayment(details) | Paid(details):
            return Cancelled(details, reason, refund)
        case PaymentRefunded(), Cancelled(details, reason):
            return Cancelled(details, reason, "done")
        case OrderShipped(carrier, tracking), Paid(details):
            return Shipped(details, carrier, tracking)
        case _:
            raise BrokenHistory(state, event)


def _capture(command: CapturePayment, state: ExistingOrder) -> Decision:
    match state:
        case AwaitingPayment():
            return (PaymentCaptured(command.amount, command.currency),)
        case Paid() | Shipped() | Cancelled():
            return ()
        case Declined():
            return OutcomeContradicted(status(state), "captured")
        case _:
            assert_never(state)


def _decline(command: DeclinePayment, state: ExistingOrder) -> Decision:
    match state:
        case AwaitingPayment():
            return (PaymentDeclined(command.reason),)
        case Declined() | Cancelled():
            return ()
        case Paid() | Shipped():
            return OutcomeContradicted(status(state), "declined")
        case _:
            assert_never(state)


def _cancel(command: Cancel, state: ExistingOrder) -> Decision:
    match state:
        case AwaitingPayment():
            return (OrderCancelled(command.reason, None),)
        case Paid():
            return (OrderCancelled(command.reason, "pending"),)
        case Cancelled():
            return ()
        case Declined() | Shipped():
            return OrderNotCancellable(status(state))
        case _:
            assert_never(state)


def _refund(command: RefundPayment, state: ExistingOrder) -> Decision:
    match state:
        case Cancelled(refund="done"):
            return ()
        case Cancelled():
            return (PaymentRefunded(command.amount, command.currency),)
        case AwaitingPayment() | Paid() | Declined() | Shipped():
            return OutcomeContradicted(status(state), "refunded")
        case _:
            assert_never(state)


def _ship(command: Ship, state: ExistingOrder) -> Decision:
    """A repeat carries the same carrier and tracking; another parcel for a shipped order is refused."""
    match state:
        case Paid():
            return (OrderShipped(command.carrier, command.tracking),)
        case Shipped(_, carrier, tracking) if (carrier, tracking) == (command.carrier, command.tracking):
            return ()
        case AwaitingPayment() | Declined() | Cancelled() | Shipped():
            return OrderNotShippable(status(state))
        case _:
            assert_never(state)
