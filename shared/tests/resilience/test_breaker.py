"""The circuit breaker: when it opens, what it lets through, what closes it, and what it leaves uncounted."""

import asyncio

import pytest

from holdfast.resilience.breaker import CLOSED, HALF_OPEN, OPEN, CircuitBreaker, Permit
from holdfast.resilience.clock import FakeClock
from holdfast.resilience.errors import DependencyUnavailable
from holdfast.resilience.outcome import Outcome
from holdfast.resilience.settings import BreakerSettings

MIDDLE = 0.5  # a draw that leaves the open time as it is


def make(
    clock: FakeClock,
    *,
    chance: float = MIDDLE,
    waits_for_probe: bool = False,
    good_probes: int = 1,
    bad_in_a_row: int | None = 7,
    counts_bad_probes: bool = False,
    elsewhere: bool = True,
) -> CircuitBreaker:
    return CircuitBreaker(
        "query",
        BreakerSettings(good_probes=good_probes, bad_in_a_row=bad_in_a_row, counts_bad_probes=counts_bad_probes),
        clock=clock,
        rng=lambda: chance,
        waits_for_probe=waits_for_probe,
        better_elsewhere=lambda _rate: elsewhere,
    )


def fail(breaker: CircuitBreaker, times: int) -> None:
    for _ in range(times):
        breaker.acquire().failure()


def half_open(breaker: CircuitBreaker, clock: FakeClock) -> list[Permit]:
    """Trip it, let its time pass and take all its permits."""
    fail(breaker, 7)
    clock.advance(1)
    return [breaker.acquire() for _ in range(3)]


def test_seven_failures_in_a_row_open_it() -> None:
    breaker = make(FakeClock())
    fail(breaker, 6)
    assert breaker.state == CLOSED
    fail(breaker, 1)
    assert breaker.state == OPEN


def test_a_success_starts_the_row_again_and_a_neutral_outcome_does_not() -> None:
    breaker = make(FakeClock())
    fail(breaker, 6)
    breaker.acquire().success()
    fail(breaker, 6)
    assert breaker.state == CLOSED
    breaker.acquire().neutral()
    assert breaker.state == CLOSED
    fail(breaker, 1)
    assert breaker.state == OPEN


def settle(breaker: CircuitBreaker, *outcomes: Outcome) -> None:
    for outcome in outcomes:
        breaker.acquire().settle(outcome)


GOOD, SLOW, BAD = Outcome.SUCCESS, Outcome.SLOW, Outcome.FAILURE


def test_half_of_twenty_calls_failing_open_it_without_any_row() -> None:
    breaker = make(FakeClock())
    settle(breaker, *[GOOD, BAD] * 9, GOOD)
    assert breaker.state == CLOSED  # nineteen calls have no rate
    settle(breaker, BAD)
    assert breaker.state == OPEN


def test_under_half_of_the_calls_failing_leave_it_closed() -> None:
    breaker = make(FakeClock())
    settle(breaker, *[GOOD, BAD, GOOD] * 100)
    assert breaker.state == CLOSED


def test_what_is_older_than_the_window_is_not_in_the_rate() -> None:
    clock = FakeClock()
    breaker = make(clock)
    settle(breaker, *[GOOD, BAD] * 9)
    clock.advance(11)
    settle(breaker, GOOD, BAD)
    assert breaker.state == CLOSED


def test_slow_answers_in_a_row_may_be_left_to_their_rate() -> None:
    breaker = make(FakeClock(), bad_in_a_row=None)
    settle(breaker, *[SLOW] * 19)
    assert breaker.state == CLOSED
    settle(breaker, SLOW)  # half of twenty, and more
    assert breaker.state == OPEN
    breaker = make(FakeClock(), bad_in_a_row=None)
    settle(breaker, *[BAD] * 7)
    assert breaker.state == OPEN


@pytest.mark.parametrize("outcomes", [[SLOW] * 7, [SLOW, BAD, SLOW, BAD, SLOW, BAD, SLOW], [GOOD, SLOW] * 10])
def test_slow_answers_count_like_failures_where_another_replica_does_better(outcomes: list[Outcome]) -> None:
    breaker = make(FakeClock())
    settle(breaker, *outcomes[:-1])
    assert breaker.state == CLOSED
    settle(breaker, outcomes[-1])
    assert breaker.state == OPEN


def test_slow_answers_alone_do_not_open_it_where_no_other_does_better() -> None:
    breaker = make(FakeClock(), elsewhere=False)
    settle(breaker, *[SLOW] * 100)
    assert breaker.state == CLOSED
    assert breaker.bad_rate == 1
    settle(breaker, *[BAD] * 7)  # failures do
    assert breaker.state == OPEN


def test_a_slow_answer_ends_a_row_of_failures_alone() -> None:
    breaker = make(FakeClock(), elsewhere=False)
    settle(breaker, *[BAD] * 6, SLOW, *[BAD] * 6)
    assert breaker.state == CLOSED


def test_a_slow_answer_does_not_close_a_half_open_one_but_opens_it_again() -> None:
    clock = FakeClock()
    breaker = make(clock, elsewhere=False)
    permits = half_open(breaker, clock)
    permits[0].success()
    permits[1].settle(SLOW)
    assert breaker.state == OPEN
    clock.advance(1.99)
    assert not breaker.admits
    clock.advance(0.02)
    assert breaker.admits


def test_closing_forgets_the_window() -> None:
    clock = FakeClock()
    breaker = make(clock)
    settle(breaker, *[GOOD, BAD] * 10)
    clock.advance(1)
    settle(breaker, GOOD, GOOD, GOOD)
    assert breaker.state == CLOSED
    settle(breaker, *[GOOD, BAD] * 9, BAD)
    assert breaker.state == CLOSED


def test_an_open_one_refuses_and_says_when_to_come_back() -> None:
    clock = FakeClock()
    breaker = make(clock)
    fail(breaker, 7)
    with pytest.raises(DependencyUnavailable) as caught:
        breaker.acquire()
    assert (caught.value.dependency, caught.value.reason, caught.value.retry_after_s) == ("query", "breaker-open", 1)
    assert breaker.retry_after_s == 1
    clock.advance(0.999)
    assert not breaker.admits
    clock.advance(0.001)
    assert breaker.admits


def test_three_permits_and_no_more_when_half_open() -> None:
    clock = FakeClock()
    breaker = make(clock)
    permits = half_open(breaker, clock)
    assert breaker.state == HALF_OPEN
    with pytest.raises(DependencyUnavailable):
        breaker.acquire()
    permits[0].success()
    with pytest.raises(DependencyUnavailable):
        breaker.acquire()  # a success keeps its place: three in all
    permits[1].success()
    permits[2].success()
    assert breaker.state == CLOSED
    assert breaker.retry_after_s == 0


def test_any_failure_when_half_open_opens_it_for_twice_as_long_up_to_four_seconds() -> None:
    clock = FakeClock()
    breaker = make(clock)
    fail(breaker, 7)
    for open_s in (1, 2, 4, 4):
        clock.advance(open_s - 0.01)
        assert not breaker.admits
        clock.advance(0.011)
        breaker.acquire().failure()
        assert breaker.state == OPEN
    for _ in range(2000):  # two hours of outage
        clock.advance(4.01)
        breaker.acquire().failure()
    clock.advance(4.01)
    for _ in range(3):
        breaker.acquire().success()
    assert breaker.state == CLOSED
    fail(breaker, 7)
    clock.advance(1)
    assert breaker.admits  # closing forgot the doubling


@pytest.mark.parametrize(("chance", "open_s"), [(0.0, 0.8), (0.5, 1.0), (1.0, 1.2)])
def test_the_open_time_is_jittered_by_a_fifth(chance: float, open_s: float) -> None:
    clock = FakeClock()
    breaker = make(clock, chance=chance)
    fail(breaker, 7)
    clock.advance(open_s - 0.001)
    assert not breaker.admits
    clock.advance(0.002)
    assert breaker.admits


def test_a_neutral_outcome_when_half_open_gives_its_permit_back() -> None:
    clock = FakeClock()
    breaker = make(clock)
    permits = half_open(breaker, clock)
    permits[0].neutral()
    assert breaker.admits
    again = breaker.acquire()
    assert not breaker.admits
    for permit in (again, *permits[1:]):
        permit.success()
    assert breaker.state == CLOSED


def test_a_permit_that_never_comes_back_is_lent_again_after_its_lease() -> None:
    clock = FakeClock()
    breaker = make(clock)
    lost = half_open(breaker, clock)
    clock.advance(2.001)
    again = [breaker.acquire(lease_s=1.25) for _ in range(3)]
    assert not breaker.admits
    lost[0].failure()
    assert breaker.state == HALF_OPEN  # its result came after its place was lent again
    for permit in again:
        permit.success()
    assert breaker.state == CLOSED


def test_results_of_calls_begun_in_an_older_state_are_dropped() -> None:
    clock = FakeClock()
    breaker = make(clock)
    old = [breaker.acquire() for _ in range(20)]
    for permit in half_open(breaker, clock):
        permit.success()
    for permit in old:
        permit.failure()
    assert breaker.state == CLOSED
    assert breaker.snapshot().error_rate == 0


def test_late_successes_do_not_close_it_either() -> None:
    clock = FakeClock()
    breaker = make(clock)
    old = [breaker.acquire() for _ in range(5)]
    half_open(breaker, clock)
    for permit in old:
        permit.success()
    assert breaker.state == HALF_OPEN


def test_a_permit_counts_once_however_often_it_is_settled() -> None:
    breaker = make(FakeClock())
    permit = breaker.acquire()
    for _ in range(10):
        permit.failure()
    assert (breaker.state, breaker.in_flight) == (CLOSED, 0)


async def test_a_thousand_callers_at_half_open_let_exactly_three_in() -> None:
    clock = FakeClock()
    breaker = make(clock)
    fail(breaker, 7)
    clock.advance(1)
    let_in = 0
    all_asked = asyncio.Event()
    asked = 0

    async def call() -> None:
        nonlocal let_in, asked
        asked += 1
        if asked == 1000:
            all_asked.set()
        with breaker.acquire():
            let_in += 1
            await all_asked.wait()

    results = await asyncio.gather(*(call() for _ in range(1000)), return_exceptions=True)
    assert let_in == 3
    assert sum(isinstance(result, DependencyUnavailable) for result in results) == 997
    assert breaker.state == CLOSED


async def test_cancellation_gives_the_permit_back_and_is_not_counted() -> None:
    clock = FakeClock()
    breaker = make(clock)
    fail(breaker, 7)
    clock.advance(1)

    async def call() -> None:
        with breaker.acquire():
            await asyncio.sleep(10)

    for _ in range(20):
        task = asyncio.create_task(call())
        await asyncio.sleep(0)
        assert breaker.in_flight == 1
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert (breaker.state, breaker.in_flight) == (HALF_OPEN, 0)
    assert [breaker.acquire() for _ in range(3)]


async def test_a_block_counts_by_how_it_ends() -> None:
    breaker = make(FakeClock())

    async def call(error: Exception | None, settle: Outcome | None = None) -> None:
        with breaker.acquire(classify=lambda e: Outcome.NEUTRAL if isinstance(e, KeyError) else Outcome.FAILURE) as p:
            if settle is not None:
                p.settle(settle)
            if error is not None:
                raise error

    for _ in range(6):
        with pytest.raises(OSError, match="away"):
            await call(OSError("away"))
    with pytest.raises(KeyError):
        await call(KeyError("neutral"))
    assert breaker.state == CLOSED
    await call(None, Outcome.FAILURE)  # settled in the block: its normal end does not count again
    assert breaker.state == OPEN


def test_three_missed_probes_in_a_row_open_it() -> None:
    breaker = make(FakeClock())
    assert [breaker.probe_missed(), breaker.probe_missed()] == [False, False]
    breaker.probe_succeeded()
    assert [breaker.probe_missed(), breaker.probe_missed()] == [False, False]
    assert breaker.state == CLOSED
    assert breaker.probe_missed()
    assert breaker.state == OPEN
    assert not breaker.probe_missed()  # lost once


def test_a_probed_one_half_opens_only_after_a_good_probe_and_its_time() -> None:
    clock = FakeClock()
    breaker = make(clock, waits_for_probe=True)
    breaker.probe_succeeded()
    fail(breaker, 7)
    clock.advance(60)
    assert not breaker.admits  # the good probe was before it opened
    breaker.probe_succeeded()
    assert breaker.state == HALF_OPEN
    for _ in range(3):
        breaker.acquire().success()
    assert breaker.state == CLOSED


def test_a_good_probe_before_its_time_does_not_half_open_it_and_is_kept() -> None:
    clock = FakeClock()
    breaker = make(clock, waits_for_probe=True)
    fail(breaker, 7)
    breaker.probe_succeeded()
    assert breaker.state == OPEN
    assert not breaker.admits
    clock.advance(1)
    assert breaker.admits
    breaker.probe_missed()
    assert not breaker.admits  # the newest probe counts


def test_one_that_wants_more_good_probes_waits_for_them_in_a_row() -> None:
    clock = FakeClock()
    breaker = make(clock, waits_for_probe=True, good_probes=3)
    fail(breaker, 7)
    clock.advance(60)
    for disturb in (breaker.probe_late, breaker.probe_missed):
        breaker.probe_succeeded()
        breaker.probe_succeeded()
        disturb()
        assert breaker.state == OPEN
    breaker.probe_succeeded()
    breaker.probe_succeeded()
    assert not breaker.admits
    breaker.probe_succeeded()
    assert breaker.state == HALF_OPEN


def test_a_late_probe_is_no_missed_one() -> None:
    breaker = make(FakeClock())
    for _ in range(2):
        breaker.probe_missed()
        breaker.probe_missed()
        breaker.probe_late()
    assert breaker.state == CLOSED


@pytest.mark.parametrize(("count", "state"), [(True, OPEN), (False, CLOSED)])
def test_bad_probes_count_like_calls_where_they_may(count: bool, state: str) -> None:
    breaker = make(FakeClock(), bad_in_a_row=None, counts_bad_probes=count)
    settle(breaker, *[GOOD] * 10, *[SLOW] * 7)
    breaker.probe_missed()
    breaker.probe_late()
    assert breaker.state == CLOSED
    breaker.probe_missed()
    assert breaker.state == state  # ten of twenty went badly, three of them probes


def test_good_probes_alone_never_close_it() -> None:
    clock = FakeClock()
    breaker = make(clock, waits_for_probe=True)
    fail(breaker, 7)
    for _ in range(100):
        clock.advance(0.25)
        breaker.probe_succeeded()
    assert breaker.state == HALF_OPEN


def test_missed_probes_open_a_half_open_one_and_are_a_loss_when_it_is_open_already() -> None:
    clock = FakeClock()
    breaker = make(clock, waits_for_probe=True)
    fail(breaker, 7)
    assert [breaker.probe_missed() for _ in range(3)] == [False, False, True]
    clock.advance(1)
    breaker.probe_succeeded()
    assert breaker.state == HALF_OPEN
    for _ in range(3):
        breaker.probe_missed()
    assert breaker.state == OPEN


def test_listeners_hear_every_change_once() -> None:
    clock = FakeClock()
    breaker = make(clock)
    heard: list[tuple[str, str, str]] = []
    breaker.add_listener(lambda *change: heard.append(change))
    for permit in half_open(breaker, clock):
        permit.success()
    assert heard == [
        ("query", CLOSED, OPEN),
        ("query", OPEN, HALF_OPEN),
        ("query", HALF_OPEN, CLOSED),
    ]


def test_a_snapshot_shows_what_is_going_on() -> None:
    clock = FakeClock()
    breaker = make(clock)
    assert breaker.snapshot().p99_ms is None
    held = breaker.acquire()
    slow = breaker.acquire()
    clock.advance(0.1)
    slow.success()
    fail(breaker, 3)
    seen = breaker.snapshot()
    assert (seen.name, seen.state, seen.in_flight) == ("query", CLOSED, 1)
    assert (seen.error_rate, seen.p99_ms, seen.retry_after_s) == (0.75, 100, 0)
    held.neutral()
    assert breaker.snapshot().error_rate == 0.75
    fail(breaker, 4)
    assert (breaker.snapshot().state, breaker.snapshot().retry_after_s) == (OPEN, 1)
