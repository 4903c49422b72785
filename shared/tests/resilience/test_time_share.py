"""A share of one core's time for a class of calls."""

import pytest

from holdfast.resilience.clock import FakeClock
from holdfast.resilience.protections import PROTECTIONS
from holdfast.resilience.time_share import TimeShare, TimeShareSettings


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def share(clock: FakeClock) -> TimeShare:
    return TimeShare(TimeShareSettings(share=0.2, burst_s=0.1), clock)


def test_the_burst_is_free_and_what_goes_beyond_it_has_to_be_waited_for(share: TimeShare) -> None:
    share.charge(0.1)
    assert share.wait_s() == 0
    share.charge(0.02)
    assert share.wait_s() == pytest.approx(0.1)


def test_the_share_is_what_can_be_worked_in_the_long_run(share: TimeShare, clock: FakeClock) -> None:
    worked_s = 0.0
    for _ in range(1_000):
        while share.wait_s() == 0:
            share.charge(0.01)
            worked_s += 0.01
        clock.advance(0.05)
    assert worked_s == pytest.approx(0.2 * 50 + 0.1, abs=0.02)


def test_an_unused_share_is_not_saved(share: TimeShare, clock: FakeClock) -> None:
    clock.advance(3_600)
    share.charge(0.12)
    assert share.wait_s() == pytest.approx(0.1)


def test_what_was_charged_too_much_is_given_back(share: TimeShare) -> None:
    share.charge(0.2)
    share.charge(-0.15)
    assert share.wait_s() == 0


def test_no_one_waits_while_bulkheads_are_switched_off(share: TimeShare) -> None:
    share.charge(10)
    PROTECTIONS.switch_off(["bulkhead"])
    try:
        assert share.wait_s() == 0
    finally:
        PROTECTIONS.switch_off([])


def test_it_is_paid_off_when_its_charges_have_been_worked_off() -> None:
    clock = FakeClock()
    share = TimeShare(TimeShareSettings(share=0.5, burst_s=0.1), clock)
    assert share.paid_off
    share.charge(0.1)
    assert not share.paid_off
    clock.advance(0.19)
    assert not share.paid_off
    clock.advance(0.02)
    assert share.paid_off
