"""The life of one order's charge (CORRECTNESS 8).

Charging and voiding are idempotent and commute: whatever the order in which they arrive and however often,
the end is the same: a void refuses every charge that comes after it and takes back, once, the one that came
before.

    (none) --charge--> PENDING --captured--> CAPTURED --void--> REFUNDING --refunded--> REFUNDED
                          |  \\--declined--> DECLINED --void--> VOIDED
                          +--void--> VOIDING --captured--> REFUNDING; --declined--> VOIDED
    (none) --void--> VOIDED
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import assert_never


class Status(StrEnum):
    """Where a charge stands."""

    PENDING = "pending"
    """Written before the processor is called; its answer is not known."""
    CAPTURED = "captured"
    DECLINED = "declined"
    VOIDING = "voiding"
    """A void came while the processor's answer is not known."""
    REFUNDING = "refunding"
    REFUNDED = "refunded"
    VOIDED = "voided"
    """Nothing is captured and nothing ever will be."""


class Verdict(StrEnum):
    """What the card processor says to a capture."""

    CAPTURED = "captured"
    DECLINED = "declined"


@dataclass(frozen=True, slots=True)
class Charge:
    """One order's row. `amount` is in the currency's smallest unit; a tombstone has 0 and no currency.

    The payment token stands only while it is needed to call the processor.
    """

    order_id: str
    status: Status
    amount: int = 0
    currency: str | None = None
    payment_token: str | None = None


@dataclass(frozen=True, slots=True)
class VoidedBefore:
    """The order was voided: it is never charged any more."""

    order_id: str


@dataclass(frozen=True, slots=True)
class ChargeDiffers:
    """The order was charged before with another amount or currency."""

    order_id: str
    amount: int
    currency: str | None


@dataclass(frozen=True, slots=True)
class Capture:
    """The processor is to be asked for this money."""

    payment_token: str


@dataclass(frozen=True, slots=True)
class Refund:
    """The processor is to give the money back."""


def ask_charge(
    known: Charge | None, order_id: str, amount: int, currency: str, payment_token: str
) -> Charge | VoidedBefore | ChargeDiffers:
    """The row after a charge was asked for; unchanged when it was asked before (its first token counts)."""
    if known is None:
        return Charge(order_id, Status.PENDING, amount, currency, payment_token)
    match known.status:
        case Status.VOIDING | Status.REFUNDING | Status.REFUNDED | Status.VOIDED:
            return VoidedBefore(order_id)
        case Status.PENDING | Status.CAPTURED | Status.DECLINED:
            if (known.amount, known.currency) != (amount, currency):
                return ChargeDiffers(order_id, known.amount, known.currency)
            return known
    assert_never(known.status)


def ask_void(known: Charge | None, order_id: str) -> Charge:
    """The row after a void was asked for; a void that comes first leaves a tombstone."""
    if known is None:
        return Charge(order_id, Status.VOIDED)
    match known.status:
        case Status.PENDING:
            return replace(known, status=Status.VOIDING)
        case Status.CAPTURED:
            return replace(known, status=Status.REFUNDING)
        case Status.DECLINED:
            return replace(known, status=Status.VOIDED)
        case Status.VOIDING | Status.REFUNDING | Status.REFUNDED | Status.VOIDED:
            return known
    assert_never(known.status)


def settle(charge: Charge, verdict: Verdict) -> Charge:
    """The row after the processor's answer to the capture; unchanged when the answer was known."""
    match charge.status, verdict:
        case Status.PENDING, Verdict.CAPTURED:
            return replace(charge, status=Status.CAPTURED, payment_token=None)
        case Status.PENDING, Verdict.DECLINED:
            return replace(charge, status=Status.DECLINED, payment_token=None)
        case Status.VOIDING, Verdict.CAPTURED:
            return replace(charge, status=Status.REFUNDING, payment_token=None)
        case Status.VOIDING, Verdict.DECLINED:
            return replace(charge, status=Status.VOIDED, payment_token=None)
        case _:
            return charge


def refund(charge: Charge) -> Charge:
    """The row after the processor gave the money back; unchanged when no refund was under way."""
    if charge.status is Status.REFUNDING:
        return replace(charge, status=Status.REFUNDED)
    return charge


def next_step(charge: Charge) -> Capture | Refund | None:
    """What the processor must be asked next; None when the charge needs nothing more."""
    match charge.status:
        case Status.PENDING | Status.VOIDING:
            if charge.payment_token is None:
                raise ValueError(f"charge {charge.order_id} is {charge.status} without a payment token")
            return Capture(charge.payment_token)
        case Status.REFUNDING:
            return Refund()
        case Status.CAPTURED | Status.DECLINED | Status.REFUNDED | Status.VOIDED:
            return None
    assert_never(charge.status)
