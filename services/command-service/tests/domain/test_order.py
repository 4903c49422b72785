import pytest
from hypothesis import given
from hypothesis import strategies as st

from command_service.domain.events import (
    OrderCancelled,
    OrderEvent,
    OrderPlaced,
    OrderShipped,
    PaymentCaptured,
    PaymentDeclined,
    PaymentRefunded,
)
from command_service.domain.order import (
    AwaitingPayment,
    Cancel,
    Cancelled,
    CapturePayment,
    Command,
    Declined,
    DeclinePayment,
    Details,
    ExistingOrder,
    NoOrder,
    Order,
    Paid,
    RefundPayment,
    Ship,
    Shipped,
    decide,
    evolve,
    refund,
    status,
)
from command_service.domain.refusals import OrderNotCancellable, OrderNotShippable, OrderUnknown, OutcomeContradicted
from command_service.domain.values import BrokenHistory, OrderLine, ProductId
from command_service.testing.strategies import CUSTOMER

DETAILS = Details(CUSTOMER, (OrderLine(ProductId("mug"), "A mug", 2, 250),), 500, "GBP", None)
AWAITING, PAID = AwaitingPayment(DETAILS), Paid(DETAILS)
DECLINED = Declined(DETAILS, "no funds")
SHIPPED = Shipped(DETAILS, "Royal Mail", "RM1")
UNPAID_CANCELLED = Cancelled(DETAILS, "no need", None)
TO_REFUND = Cancelled(DETAILS, "no need", "pending")
REFUNDED = Cancelled(DETAILS, "no need", "done")
STATES: list[ExistingOrder] = [AWAITING, PAID, DECLINED, SHIPPED, UNPAID_CANCELLED, TO_REFUND, REFUNDED]
CAPTURE, DECLINE = CapturePayment(500, "GBP"), DeclinePayment("no funds")
CANCEL, REFUND, SHIP = Cancel("no need"), RefundPayment(500, "GBP"), Ship("Royal Mail", "RM1")


@pytest.mark.parametrize(
    ("state", "command", "events", "after"),
    [
        (AWAITING, CAPTURE, (PaymentCaptured(500, "GBP"),), PAID),
        (AWAITING, DECLINE, (PaymentDeclined("no funds"),), DECLINED),
        (AWAITING, CANCEL, (OrderCancelled("no need", None),), UNPAID_CANCELLED),
        (PAID, CANCEL, (OrderCancelled("no need", "pending"),), TO_REFUND),
        (TO_REFUND, REFUND, (PaymentRefunded(500, "GBP"),), REFUNDED),
        (UNPAID_CANCELLED, REFUND, (PaymentRefunded(500, "GBP"),), REFUNDED),
        (PAID, SHIP, (OrderShipped("Royal Mail", "RM1"),), SHIPPED),
    ],
)
def test_an_order_goes_on(
    state: ExistingOrder, command: Command, events: tuple[OrderEvent, ...], after: ExistingOrder
) -> None:
    assert decide(command, state) == events
    assert evolve(state, events[0]) == after


@pytest.mark.parametrize(
    ("state", "command"),
    [
        *((state, CAPTURE) for state in (PAID, SHIPPED, UNPAID_CANCELLED, TO_REFUND, REFUNDED)),
        *((state, DECLINE) for state in (DECLINED, UNPAID_CANCELLED, TO_REFUND, REFUNDED)),
        *((state, CANCEL) for state in (UNPAID_CANCELLED, TO_REFUND, REFUNDED)),
        (REFUNDED, REFUND),
        (SHIPPED, SHIP),
    ],
)
def test_a_repeat_or_an_outcome_on_a_cancelled_order_changes_nothing(state: ExistingOrder, command: Command) -> None:
    assert decide(command, state) == ()


@pytest.mark.parametrize(
    ("state", "command", "refusal"),
    [
        *((NoOrder(), command, OrderUnknown()) for command in (CAPTURE, DECLINE, CANCEL, REFUND, SHIP)),
        (DECLINED, CANCEL, OrderNotCancellable("payment_declined")),
        (SHIPPED, CANCEL, OrderNotCancellable("shipped")),
        (AWAITING, SHIP, OrderNotShippable("awaiting_payment")),
        (DECLINED, SHIP, OrderNotShippable("payment_declined")),
        (TO_REFUND, SHIP, OrderNotShippable("cancelled")),
        (SHIPPED, Ship("Royal Mail", "RM2"), OrderNotShippable("shipped")),
        (DECLINED, CAPTURE, OutcomeContradicted("payment_declined", "captured")),
        (PAID, DECLINE, OutcomeContradicted("paid", "declined")),
        (SHIPPED, DECLINE, OutcomeContradicted("shipped", "declined")),
        *((state, REFUND, OutcomeContradicted(status(state), "refunded")) for state in STATES[:4]),
    ],
)
def test_an_order_refuses(state: Order, command: Command, refusal: object) -> None:
    assert decide(command, state) == refusal


def test_an_order_is_placed_on_nothing_only() -> None:
    placed = OrderPlaced(CUSTOMER, DETAILS.lines, 500, "GBP", None)
    assert evolve(NoOrder(), placed) == AWAITING
    with pytest.raises(BrokenHistory):
        evolve(PAID, placed)


def test_every_state_has_its_word() -> None:
    assert [status(state) for state in STATES[:5]] == [
        "awaiting_payment",
        "paid",
        "payment_declined",
        "shipped",
        "cancelled",
    ]
    assert [refund(state) for state in STATES] == [None, None, None, None, None, "pending", "done"]


@given(st.lists(st.sampled_from([CAPTURE, CANCEL, SHIP, REFUND]), max_size=12))
def test_in_any_order_a_captured_charge_is_refunded_once_or_the_order_stands(commands: list[Command]) -> None:
    """Whatever the race between cancel and capture: what the void gave back is recorded once, on a cancelled order
    only, and a refund is owed from the moment that a paid order is cancelled.
    """
    state: Order = AWAITING
    seen: list[OrderEvent] = []
    for command in commands:
        decision = decide(command, state)
        for event in decision if isinstance(decision, tuple) else ():
            state = evolve(state, event)
            seen.append(event)
    captured = [event for event in seen if isinstance(event, PaymentCaptured)]
    refunded = [event for event in seen if isinstance(event, PaymentRefunded)]
    cancelled = [event for event in seen if isinstance(event, OrderCancelled)]
    assert len(captured) <= 1 >= len(refunded)
    assert len(cancelled) <= 1
    assert bool(cancelled) == isinstance(state, Cancelled)
    if cancelled:
        assert cancelled[0].refund == ("pending" if captured else None)
        assert isinstance(state, Cancelled)
        assert state.refund == ("done" if refunded else cancelled[0].refund)
    else:
        assert not refunded


@given(st.lists(st.sampled_from([CAPTURE, DECLINE, CANCEL, SHIP, REFUND]), max_size=12))
def test_every_command_repeated_at_once_yields_nothing_or_is_refused_again(commands: list[Command]) -> None:
    state: Order = AWAITING
    for command in commands:
        decision = decide(command, state)
        if isinstance(decision, tuple):
            for event in decision:
                state = evolve(state, event)
            assert decide(command, state) == ()
        else:
            assert decide(command, state) == decision
