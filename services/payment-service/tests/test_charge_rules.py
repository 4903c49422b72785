"""The pure rules of a charge, in every order of calls, answers and crashes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payment_service.domain.charge import (
    Capture,
    Charge,
    ChargeDiffers,
    Refund,
    Status,
    Verdict,
    VoidedBefore,
    ask_charge,
    ask_void,
    next_step,
    refund,
    settle,
)

ORDER = "018f0000-0000-7000-8000-000000000001"
PENDING = Charge(ORDER, Status.PENDING, 500, "GBP", "tok_visa")


def charge_of(status: Status) -> Charge:
    token = "tok_visa" if status in {Status.PENDING, Status.VOIDING} else None
    return Charge(ORDER, status, 500, "GBP", token)


def test_a_first_charge_is_pending_with_its_token() -> None:
    assert ask_charge(None, ORDER, 500, "GBP", "tok_visa") == PENDING


@pytest.mark.parametrize("status", [Status.PENDING, Status.CAPTURED, Status.DECLINED])
def test_a_repeated_charge_changes_nothing(status: Status) -> None:
    known = charge_of(status)
    assert ask_charge(known, ORDER, 500, "GBP", "tok_other") is known


@pytest.mark.parametrize(("amount", "currency"), [(501, "GBP"), (500, "EUR")])
def test_another_amount_or_currency_is_refused(amount: int, currency: str) -> None:
    refusal = ask_charge(charge_of(Status.CAPTURED), ORDER, amount, currency, "tok_visa")
    assert refusal == ChargeDiffers(ORDER, 500, "GBP")


@pytest.mark.parametrize("status", [Status.VOIDING, Status.REFUNDING, Status.REFUNDED, Status.VOIDED])
def test_a_charge_after_a_void_is_refused(status: Status) -> None:
    assert ask_charge(charge_of(status), ORDER, 500, "GBP", "tok_visa") == VoidedBefore(ORDER)


def test_a_void_that_comes_first_leaves_a_tombstone() -> None:
    assert ask_void(None, ORDER) == Charge(ORDER, Status.VOIDED)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (Status.PENDING, Status.VOIDING),
        (Status.CAPTURED, Status.REFUNDING),
        (Status.DECLINED, Status.VOIDED),
        (Status.VOIDING, Status.VOIDING),
        (Status.REFUNDING, Status.REFUNDING),
        (Status.REFUNDED, Status.REFUNDED),
        (Status.VOIDED, Status.VOIDED),
    ],
)
def test_a_void_takes_back_what_there_is_once(before: Status, after: Status) -> None:
    assert ask_void(charge_of(before), ORDER).status is after


@pytest.mark.parametrize(
    ("before", "verdict", "after"),
    [
        (Status.PENDING, Verdict.CAPTURED, Status.CAPTURED),
        (Status.PENDING, Verdict.DECLINED, Status.DECLINED),
        (Status.VOIDING, Verdict.CAPTURED, Status.REFUNDING),
        (Status.VOIDING, Verdict.DECLINED, Status.VOIDED),
        (Status.CAPTURED, Verdict.CAPTURED, Status.CAPTURED),
        (Status.REFUNDED, Verdict.CAPTURED, Status.REFUNDED),
    ],
)
def test_the_processors_answer_is_taken_once(before: Status, verdict: Verdict, after: Status) -> None:
    settled = settle(charge_of(before), verdict)
    assert settled.status is after
    assert settled.payment_token is None


def test_only_a_refund_under_way_becomes_refunded() -> None:
    assert refund(charge_of(Status.REFUNDING)).status is Status.REFUNDED
    assert refund(charge_of(Status.CAPTURED)).status is Status.CAPTURED


def test_the_processor_is_asked_only_while_something_is_owed() -> None:
    steps = {status: next_step(charge_of(status)) for status in Status}
    assert {status: step for status, step in steps.items() if step is not None} == {
        Status.PENDING: Capture("tok_visa"),
        Status.VOIDING: Capture("tok_visa"),
        Status.REFUNDING: Refund(),
    }


def test_a_capture_without_a_token_is_an_error() -> None:
    with pytest.raises(ValueError, match="without a payment token"):
        next_step(Charge(ORDER, Status.PENDING, 500, "GBP"))


@given(
    token=st.sampled_from(["tok_visa", "tok_declined"]),
    actions=st.lists(st.sampled_from(["charge", "void", "work", "work and crash"]), max_size=12),
)
def test_any_order_of_charges_voids_and_crashes_ends_right(token: str, actions: list[str]) -> None:
    row: Charge | None = None
    journal: set[str] = set()

    def work(known: Charge) -> Charge:
        step = next_step(known)
        if isinstance(step, Capture):
            if step.payment_token == "tok_declined":
                return settle(known, Verdict.DECLINED)
            journal.add("capture")
            return settle(known, Verdict.CAPTURED)
        if isinstance(step, Refund):
            journal.add("refund")
            return refund(known)
        return known

    for action in actions:
        if action == "charge":
            asked = ask_charge(row, ORDER, 500, "GBP", token)
            row = asked if isinstance(asked, Charge) else row
        elif action == "void":
            row = ask_void(row, ORDER)
        elif row is not None:
            after = work(row)
            row = after if action == "work" else row
    while row is not None and next_step(row) is not None:
        row = work(row)

    if "void" in actions:
        assert row is not None
        assert row.status in {Status.VOIDED, Status.REFUNDED}
        assert journal in (set(), {"capture", "refund"})
        assert (row.status is Status.REFUNDED) == bool(journal)
    elif "charge" in actions:
        assert row is not None
        assert row.status is (Status.CAPTURED if token == "tok_visa" else Status.DECLINED)
        assert journal == ({"capture"} if token == "tok_visa" else set())
