"""What the caller of a checkout is told, and what every repeat with the same key is told again (CORRECTNESS 3)."""

from dataclasses import asdict, dataclass
from typing import Any, Literal, assert_never

import orjson

from command_service.codec import CART, ORDER
from command_service.domain.order import AwaitingPayment, Cancelled, Declined, NoOrder, Order, Paid, Shipped
from command_service.domain.values import OrderId
from holdfast.eventstore import Claim, Stream, Transaction, answer_claim

Status = Literal["paid", "awaiting_payment", "cancelled", "payment_declined"]


@dataclass(frozen=True, slots=True)
class CheckoutAnswer:
    """`status` decides the answer: paid 201, awaiting_payment and cancelled 202, payment_declined 402.

    `order_version` and `cart_version` are what the caller's Consistency-Token promises.
    """

    order_id: OrderId
    customer_id: str
    status: Status
    total_amount: int
    currency: str
    order_version: int
    cart_version: int

    @property
    def versions(self) -> dict[str, int]:
        """Stream id to version."""
        return {
            ORDER.stream_id(self.order_id): self.order_version,
            CART.stream_id(self.customer_id): self.cart_version,
        }


def answer_of(order: Stream[Order], cart_version: int) -> CheckoutAnswer:
    """The answer that an existing order's state makes. One shipped since was paid, which is what the caller asked."""
    state = order.state
    status: Status
    match state:
        case NoOrder():
            raise LookupError(f"{order.stream_id} does not exist")
        case AwaitingPayment():
            status = "awaiting_payment"
        case Paid() | Shipped():
            status = "paid"
        case Cancelled():
            status = "cancelled"
        case Declined():
            status = "payment_declined"
        case _:
            assert_never(state)
    details = state.details
    order_id = OrderId(order.identity)
    return CheckoutAnswer(
        order_id, details.customer_id, status, details.total_amount, details.currency, order.version, cart_version
    )


async def store_answer(tx: Transaction, answer: CheckoutAnswer) -> CheckoutAnswer:
    """Store the answer of the order's checkout unless it has one; the one that counts: a repeat is told the same."""
    if await answer_claim(tx, answer.order_id, asdict(answer)):
        return answer
    stored = await tx.fetchval(
        "SELECT answer FROM idempotency WHERE resource_id = $1 AND lease_until IS NOT NULL", answer.order_id
    )
    return answer if stored is None else _loaded(orjson.loads(stored))


async def was_answered(tx: Transaction, order_id: OrderId) -> bool:
    """Whether the checkout's caller has an answer already (202): a decline is a late one then.

    The claim is locked, so that no answer can be stored before this transaction ends.
    """
    open_claim = await tx.fetchval(
        "SELECT true FROM idempotency WHERE resource_id = $1 AND lease_until IS NOT NULL AND answer IS NULL FOR UPDATE",
        order_id,
    )
    return open_claim is None


def replayed(claim: Claim) -> CheckoutAnswer | None:
    """The stored answer of a claim, None while somebody works on it."""
    return None if claim.answer is None else _loaded(claim.answer)


def _loaded(stored: dict[str, Any]) -> CheckoutAnswer:
    return CheckoutAnswer(**stored)
