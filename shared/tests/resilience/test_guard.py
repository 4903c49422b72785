"""The guard around a store: bulkhead, breaker and deadline in one."""

import asyncio
import time
from dataclasses import replace

import pytest

from holdfast.resilience.clock import FakeClock
from holdfast.resilience.deadline import Deadline
from holdfast.resilience.errors import BulkheadFull, DeadlineExceeded, DependencyUnavailable, RateLimited
from holdfast.resilience.guard import Guard
from holdfast.resilience.outcome import Outcome
from holdfast.resilience.settings import BulkheadSettings, GuardSettings

SETTINGS = GuardSettings(bulkhead=BulkheadSettings(limit=2, queue=0))


class LockTimeout(Exception):
    pass


def make() -> Guard:
    return Guard(
        "postgresql",
        SETTINGS,
        classify=lambda error: Outcome.NEUTRAL if isinstance(error, LockTimeout) else Outcome.FAILURE,
    )


async def raising(guard: Guard, error: Exception, *, left_s: float = 5, enforce: bool = True) -> None:
    with pytest.raises(type(error)):
        async with guard(Deadline.after(left_s), enforce=enforce):
            raise error


async def test_a_call_that_works_leaves_it_closed() -> None:
    guard = make()
    async with guard(Deadline.after(1)) as deadline:
        assert guard.bulkhead.in_flight == 1
        assert guard.breaker.in_flight == 1
        assert deadline.remaining_s() > 0
    assert (guard.bulkhead.in_flight, guard.breaker.in_flight) == (0, 0)


async def test_the_stores_errors_open_it_and_then_it_refuses_at_once() -> None:
    guard = make()
    for _ in range(7):
        await raising(guard, OSError("gone"))
    with pytest.raises(DependencyUnavailable) as caught:
        async with guard(Deadline.after(5)):
            pytest.fail("the breaker is open")
    assert (caught.value.dependency, caught.value.reason) == ("postgresql", "breaker-open")


@pytest.mark.parametrize(
    "error",
    [
        LockTimeout(),
        BulkheadFull("pool"),
        RateLimited(retry_after_s=1, limit=1),
        DependencyUnavailable("kafka"),
        DeadlineExceeded("kafka"),
    ],
)
async def test_what_says_nothing_about_this_store_is_neutral(error: Exception) -> None:
    guard = make()
    for _ in range(20):
        await raising(guard, error)
    assert guard.breaker.state == "closed"
    assert guard.breaker.snapshot().error_rate == 0


@pytest.mark.parametrize(
    "error", [DependencyUnavailable("postgresql"), DeadlineExceeded("postgresql"), DeadlineExceeded()]
)
async def test_what_the_adapter_says_about_this_store_counts(error: Exception) -> None:
    guard = make()
    for _ in range(7):
        await raising(guard, error, enforce=False)
    assert guard.breaker.state == "open"


async def test_the_block_is_cancelled_at_the_deadline_and_counts_as_failed() -> None:
    guard = Guard("elasticsearch", GuardSettings(bulkhead=BulkheadSettings(2, 0), fair_chance_s=0.01))
    for _ in range(7):
        with pytest.raises(DeadlineExceeded) as caught:
            async with guard(Deadline.after(0.02)):
                await asyncio.sleep(5)
        assert caught.value.dependency == "elasticsearch"
    assert guard.breaker.state == "open"


async def test_a_callers_short_deadline_is_not_the_stores_fault() -> None:
    guard = make()
    for _ in range(20):
        with pytest.raises(DeadlineExceeded):
            async with guard(Deadline.after(0.002)):
                await asyncio.sleep(5)
    assert guard.breaker.state == "closed"


async def test_without_enforcement_the_block_keeps_the_deadline_itself() -> None:
    guard = make()
    async with guard(Deadline.after(0.01), enforce=False) as deadline:
        await asyncio.sleep(0.02)
        assert deadline.expired


async def test_nothing_is_begun_without_time_or_place() -> None:
    guard = make()
    with pytest.raises(DeadlineExceeded):
        async with guard(Deadline.after(0)):
            pytest.fail("no time")
    async with guard(Deadline.after(1)), guard(Deadline.after(1)):
        with pytest.raises(BulkheadFull):
            async with guard(Deadline.after(1)):
                pytest.fail("no place")
    assert guard.breaker.in_flight == 0


async def test_an_open_breaker_is_found_before_waiting_for_a_place() -> None:
    guard = Guard("postgresql", GuardSettings(bulkhead=BulkheadSettings(limit=1, queue=5, max_wait_s=5)))
    async with guard(Deadline.after(9)):
        for _ in range(7):
            guard.breaker.acquire().failure()
        begun_s = asyncio.get_running_loop().time()
        with pytest.raises(DependencyUnavailable):
            async with guard(Deadline.after(9)):
                pytest.fail("the breaker is open")
        assert asyncio.get_running_loop().time() - begun_s < 1


async def test_cancellation_is_neutral_and_frees_both() -> None:
    guard = make()

    async def call() -> None:
        async with guard(Deadline.after(5)):
            await asyncio.sleep(5)

    for _ in range(10):
        task = asyncio.create_task(call())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert task.cancelled()
    assert (guard.bulkhead.in_flight, guard.breaker.in_flight) == (0, 0)
    assert guard.breaker.snapshot().error_rate == 0


async def test_it_recovers_by_time_alone() -> None:
    clock = FakeClock()
    guard = Guard("postgresql", SETTINGS, clock=clock, rng=lambda: 0.5)
    assert guard.unavailable("connect").retry_after_s == 1
    for _ in range(7):
        with pytest.raises(OSError):  # noqa: PT011
            async with guard(Deadline.after(5, clock=clock)):
                raise OSError
    assert guard.unavailable().reason == "failed"
    clock.advance(1)
    for _ in range(3):
        async with guard(Deadline.after(5, clock=clock)):
            pass
    assert guard.breaker.state == "closed"


async def test_slow_blocks_open_it_where_the_store_has_a_time_and_not_where_it_has_none() -> None:
    for slow_after_s, state in ((0.005, "open"), (None, "closed")):
        guard = Guard("elasticsearch", replace(SETTINGS, slow_after_s=slow_after_s))
        for _ in range(7):
            async with guard(Deadline.after(1)):
                await asyncio.sleep(0.012)
        assert guard.breaker.state == state


async def test_time_that_ran_out_while_this_process_stood_still_is_not_the_stores_fault() -> None:
    guard = make()

    async def call() -> None:
        async with guard(Deadline.after(0.11)):
            time.sleep(0.25)  # noqa: ASYNC251  # what is being tested: a loop that stands still
            await asyncio.sleep(5)

    for _ in range(7):
        with pytest.raises(DeadlineExceeded):
            await call()
    assert guard.breaker.state == "closed"


async def test_cancelled_at_any_await_it_gives_everything_back() -> None:
    guard = make()
    fill = asyncio.Event()

    async def call() -> None:
        async with guard(Deadline.after(5)):
            for _ in range(3):
                await asyncio.sleep(0)
            await fill.wait()

    for turns in range(12):
        task = asyncio.create_task(call())
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (guard.bulkhead.in_flight, guard.bulkhead.waiting, guard.breaker.in_flight) == (0, 0, 0)
    assert guard.breaker.snapshot().error_rate == 0


async def test_a_thousand_callers_at_half_open_reach_the_store_three_times() -> None:
    clock = FakeClock()
    guard = Guard("kafka", replace(SETTINGS, bulkhead=BulkheadSettings(limit=1000, queue=0)), clock=clock)
    for _ in range(7):
        await raising(guard, OSError("gone"))
    clock.advance(1.3)
    reached = 0
    all_asked = asyncio.Event()

    async def call() -> None:
        nonlocal reached
        async with guard(Deadline.after(5)):
            reached += 1
            await all_asked.wait()

    calls = [asyncio.create_task(call()) for _ in range(1000)]
    await asyncio.sleep(0.05)
    assert reached == 3
    all_asked.set()
    ends = await asyncio.gather(*calls, return_exceptions=True)
    assert sum(isinstance(end, DependencyUnavailable) for end in ends) == 997
    assert guard.breaker.state == "closed"


@pytest.mark.parametrize("enforce", [True, False])
async def test_losing_the_store_ends_what_is_in_flight_and_says_so(enforce: bool) -> None:
    guard = make()
    begun_s = time.monotonic()

    async def call() -> None:
        async with guard(Deadline.after(60), enforce=enforce):
            await asyncio.sleep(60)

    calls = [asyncio.create_task(call()) for _ in range(2)]
    await asyncio.sleep(0)
    for _ in range(3):
        assert not any(one.done() for one in calls)
        guard.probe_missed()
    errors = await asyncio.gather(*calls, return_exceptions=True)
    assert [error.reason for error in errors if isinstance(error, DependencyUnavailable)] == ["lost", "lost"]
    assert time.monotonic() - begun_s < 5
    assert (guard.bulkhead.in_flight, guard.breaker.in_flight, guard.breaker.state) == (0, 0, "open")


async def test_a_timeout_of_the_block_itself_is_no_loss() -> None:
    guard = make()
    with pytest.raises(TimeoutError):
        async with guard(Deadline.after(5), enforce=False):
            raise TimeoutError
