"""Deadlines: what is left, how it travels, and how it ends a block."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.resilience.clock import FakeClock, MonotonicClock
from holdfast.resilience.deadline import Deadline, InvalidTimeout, header_value, parse_timeout_ms
from holdfast.resilience.errors import DeadlineExceeded


def test_a_deadline_counts_down_to_zero_and_stays_there() -> None:
    clock = FakeClock()
    deadline = Deadline.after(1.5, clock=clock)
    assert deadline.remaining_ms() == 1500
    assert not deadline.expired
    clock.advance(1.25)
    assert deadline.remaining_s() == 0.25
    clock.advance(0.25)
    assert deadline.expired
    assert deadline.overdue_s() == 0
    clock.advance(10)
    assert (deadline.remaining_s(), deadline.remaining_ms(), deadline.overdue_s()) == (0.0, 0, 10.0)


def test_a_share_kept_back_shortens_it_and_an_attempt_takes_the_smaller() -> None:
    clock = FakeClock()
    deadline = Deadline.after(1.0, clock=clock)
    assert deadline.shortened_by(150).remaining_ms() == 850
    assert deadline.at_most(0.25).remaining_s() == pytest.approx(0.25)
    assert deadline.at_most(5).remaining_s() == pytest.approx(1.0)
    assert deadline.remaining_s() == pytest.approx(1.0)  # the original is as it was


def test_the_callers_header_can_only_shorten_it() -> None:
    clock = FakeClock()
    assert Deadline.from_header(None, at_most_s=0.8, clock=clock).remaining_s() == pytest.approx(0.8)
    assert Deadline.from_header("60000", at_most_s=0.8, clock=clock).remaining_s() == pytest.approx(0.8)
    assert Deadline.from_header("300", at_most_s=0.8, clock=clock).remaining_s() == pytest.approx(0.3)


@pytest.mark.parametrize("value", ["", "0", "-5", "60001", "1.5", "abc", "１２", "1e3", "9" * 400, "1 2"])
def test_a_header_that_is_no_number_of_milliseconds_is_refused_with_its_value(value: str) -> None:
    with pytest.raises(InvalidTimeout) as caught:
        parse_timeout_ms(value)
    assert caught.value.value == value
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(("value", "ms"), [("1", 1), ("60000", 60000), (" 250\t", 250), ("007", 7)])
def test_a_header_within_bounds_is_read(value: str, ms: int) -> None:
    assert parse_timeout_ms(value) == ms


def test_the_next_hop_gets_what_is_left_less_ten_milliseconds() -> None:
    clock = FakeClock()
    deadline = Deadline.after(0.5, clock=clock)
    assert header_value(deadline.remaining_s()) == "490"
    assert header_value(500) == "60000"
    clock.advance(0.4885)
    assert header_value(deadline.remaining_s()) == "1"
    clock.advance(0.001)
    with pytest.raises(DeadlineExceeded) as caught:
        header_value(deadline.remaining_s(), "query-service")
    assert caught.value.dependency == "query-service"


@given(st.integers(12, 60_000))
def test_each_hop_has_less_time_than_the_one_before(ms: int) -> None:
    clock = FakeClock()
    first = Deadline.after(ms / 1000, clock=clock)
    second = Deadline.from_header(header_value(first.remaining_s()), at_most_s=100, clock=clock)
    assert 0 < second.remaining_s() < first.remaining_s()


def test_work_is_refused_when_too_little_is_left() -> None:
    clock = FakeClock()
    deadline = Deadline.after(0.1, clock=clock)
    deadline.require("postgresql", ms=100)
    with pytest.raises(DeadlineExceeded):
        deadline.require("postgresql", ms=101)
    clock.advance(0.1)
    with pytest.raises(DeadlineExceeded):
        deadline.require()


async def test_a_block_is_cancelled_at_the_deadline() -> None:
    begun_s = asyncio.get_running_loop().time()
    with pytest.raises(DeadlineExceeded) as caught, Deadline.after(0.03).limit("elasticsearch"):
        await asyncio.sleep(5)
    assert caught.value.dependency == "elasticsearch"
    assert asyncio.get_running_loop().time() - begun_s < 1


async def test_a_block_in_time_is_left_alone() -> None:
    with Deadline.after(5).limit() as limit:
        await asyncio.sleep(0)
    assert not limit.ended


async def test_a_block_is_not_entered_without_time() -> None:
    entered = False
    with pytest.raises(DeadlineExceeded), Deadline.after(0).limit():
        entered = True
    assert not entered


async def test_cancellation_from_outside_stays_cancellation() -> None:
    started = asyncio.Event()

    async def work() -> None:
        with Deadline.after(5).limit():
            started.set()
            await asyncio.sleep(5)

    task = asyncio.create_task(work())
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert task.cancelled()


async def test_a_timeout_error_of_the_blocks_own_is_not_taken_for_the_deadline() -> None:
    with pytest.raises(TimeoutError, match="my own"), Deadline.after(5).limit():
        raise TimeoutError("my own")


async def test_the_inner_of_two_limits_does_not_blame_the_outer() -> None:
    async def call() -> None:
        with Deadline.after(0.02).limit("outer"), Deadline.after(5).limit("inner"):
            await asyncio.sleep(5)

    with pytest.raises(DeadlineExceeded) as caught:
        await call()
    assert caught.value.dependency == "outer"


def test_the_fake_clock_goes_forward_only() -> None:
    clock = FakeClock(5)
    clock.advance(1.5)
    assert clock.now() == 6.5
    with pytest.raises(ValueError, match="cannot go back"):
        clock.advance(-1)


def test_the_real_clock_is_monotonic() -> None:
    clock = MonotonicClock()
    assert clock.now() <= clock.now()


async def test_a_block_that_makes_the_cancellation_its_own_timeout_still_ends_as_the_deadline() -> None:
    async def call() -> None:
        with Deadline.after(0.01).limit("elasticsearch"):
            try:
                await asyncio.sleep(5)
            except asyncio.CancelledError as error:
                raise TimeoutError("the library's own") from error

    with pytest.raises(DeadlineExceeded) as caught:
        await call()
    assert caught.value.dependency == "elasticsearch"
