"""Orders in the store.

State: what was ordered, `status` (the word of API.md) and what belongs to it: `reason` when declined or cancelled,
`refund` when cancelled, `carrier` and `tracking` when shipped. Lists of orders filter by `status` in SQL.
"""

from typing import Any, Final, assert_never

from pydantic import TypeAdapter

from command_service.codec.forms import EventForms, Stored
from command_service.domain import events
from command_service.domain.events import OrderEvent
from command_service.domain.order import (
    AwaitingPayment,
    Cancelled,
    Declined,
    Details,
    NoOrder,
    Order,
    Paid,
    Shipped,
    evolve,
    status,
)
from holdfast.eventstore import Kind

FORMS: Final = EventForms(
    {
        events.OrderPlaced: Stored("OrderPlaced"),
        events.PaymentCaptured: Stored("PaymentCaptured"),
        events.PaymentDeclined: Stored("PaymentDeclined"),
        events.OrderCancelled: Stored("OrderCancelled"),
        events.PaymentRefunded: Stored("PaymentRefunded"),
        events.OrderShipped: Stored("OrderShipped"),
    }
)
_DETAILS: Final = TypeAdapter(Details)


def _dump_state(state: Order) -> dict[str, Any]:
    if isinstance(state, NoOrder):
        return {}
    dumped = {**_DETAILS.dump_python(state.details, mode="json"), "status": status(state)}
    match state:
        case AwaitingPayment() | Paid():
            return dumped
        case Declined(_, reason):
            return {**dumped, "reason": reason}
        case Cancelled(_, reason, refund):
            return {**dumped, "reason": reason, "refund": refund}
        case Shipped(_, carrier, tracking):
            return {**dumped, "carrier": carrier, "tracking": tracking}
        case _:
            assert_never(state)


def _load_state(data: dict[str, Any]) -> Order:
    if not data:
        return NoOrder()
    details = _DETAILS.validate_python(data)
    match data["status"]:
        case "awaiting_payment":
            return AwaitingPayment(details)
        case "paid":
            return Paid(details)
        case "payment_declined":
            return Declined(details, data["reason"])
        case "cancelled":
            return Cancelled(details, data["reason"], data["refund"])
        case "shipped":
            return Shipped(details, data["carrier"], data["tracking"])
        case unknown:
            raise ValueError(f"an order's stored status is {unknown!r}")


ORDER: Final[Kind[Order, OrderEvent]] = Kind(
    name="order",
    initial=NoOrder,
    evolve=evolve,
    dump_state=_dump_state,
    load_state=_load_state,
    dump_event=FORMS.dump,
    load_event=FORMS.load,
)
