"""Accounts of the services' time: what a caller may take while others call."""

import pytest

from gateway.http.caller_time import (
    CALLER_BURST_S,
    LONGEST_CHARGE_S,
    OTHERS_GONE_S,
    CallerTimes,
    ClassTime,
    ShareUsedUp,
)
from holdfast.resilience.clock import FakeClock

SHARE = 0.1
IN_A_BURST = round(CALLER_BURST_S / LONGEST_CHARGE_S)


def begin(times: CallerTimes, caller: str, others: str | None = "ada") -> bool:
    """Whether a call of this caller may begin, just after one of another caller."""
    times.note(others)
    times.note(caller)
    charge = times.charge(caller)
    if charge is not None:
        try:
            charge.take()
        except ShareUsedUp:
            return False
    return True


def test_a_caller_has_a_burst_and_then_its_share() -> None:
    clock = FakeClock()
    times = CallerTimes(SHARE, clock)
    assert sum(begin(times, "eve") for _ in range(100)) == IN_A_BURST
    begun = 0
    for _ in range(1_000):
        clock.advance(0.01)
        begun += begin(times, "eve")
    assert 10 * SHARE / LONGEST_CHARGE_S - 1 <= begun <= 10 * SHARE / LONGEST_CHARGE_S + 1


def test_one_caller_takes_nothing_from_another() -> None:
    times = CallerTimes(SHARE, FakeClock())
    while begin(times, "eve"):
        pass
    assert begin(times, "ada", others="eve")


def test_alone_a_caller_may_have_all_of_it() -> None:
    clock = FakeClock()
    times = CallerTimes(SHARE, clock)
    for _ in range(100):
        times.note("eve")
        assert times.charge("eve") is None


def test_a_caller_without_a_token_is_another_one_until_it_is_gone() -> None:
    clock = FakeClock()
    times = CallerTimes(SHARE, clock)
    times.note(None)
    times.note("eve")
    assert times.charge("eve") is not None
    clock.advance(OTHERS_GONE_S + 0.01)
    times.note("eve")
    assert times.charge("eve") is None


def test_what_a_call_did_not_take_is_given_back() -> None:
    times = CallerTimes(SHARE, FakeClock())
    begun = 0
    while begun < 1_000:
        times.note("ada")
        times.note("eve")
        charge = times.charge("eve")
        assert charge is not None
        try:
            charge.take()
        except ShareUsedUp:
            break
        charge.settle(0.005)
        begun += 1
    assert begun == pytest.approx(CALLER_BURST_S / 0.005, abs=1)


def test_a_call_that_took_long_costs_no_more_than_the_most() -> None:
    times = CallerTimes(SHARE, FakeClock())
    for _ in range(IN_A_BURST):
        times.note("ada")
        times.note("eve")
        charge = times.charge("eve")
        assert charge is not None
        charge.take()
        charge.settle(60.0)


def test_refusals_are_held_back_for_different_times() -> None:
    pauses = {ShareUsedUp("the services").pause_s for _ in range(50)}
    assert len(pauses) > 40
    assert min(pauses) >= 2.0
    assert max(pauses) <= 4.0


def test_accounts_are_bounded_and_those_paid_off_go_first() -> None:
    clock = FakeClock()
    times = CallerTimes(SHARE, clock)
    for number in range(12_000):
        begin(times, f"guest-{number}")
    assert len(times) == 10_000
    clock.advance(60)
    for number in range(6_000):
        begin(times, f"later-{number}")
    assert len(times) < 7_000


def test_a_class_counts_while_callers_outside_it_call() -> None:
    clock = FakeClock()
    times = ClassTime("new guests", SHARE, clock)
    assert times.charge(modest=True) is None
    times.others_call()
    assert times.charge(modest=True) is not None
    clock.advance(OTHERS_GONE_S + 0.01)
    assert times.charge(modest=True) is None


def test_an_address_with_few_calls_may_overdraw_its_class() -> None:
    clock = FakeClock()
    times = ClassTime("new guests", SHARE, clock)
    assert sum(begin_in(times, modest=False) for _ in range(100)) < 20
    assert begin_in(times, modest=True)


def begin_in(times: ClassTime, *, modest: bool) -> bool:
    """Whether a call may begin, just after one of a caller outside the class."""
    times.others_call()
    charge = times.charge(modest=modest)
    assert charge is not None
    try:
        charge.take()
    except ShareUsedUp:
        return False
    return True
