"""What ends a block, what counts as slow, and whose slowness it is."""

import asyncio
import time
from contextlib import suppress
from random import Random

import pytest

from holdfast.resilience.errors import DeadlineExceeded
from holdfast.resilience.limit import Limit
from holdfast.resilience.outcome import Outcome


async def test_a_block_over_its_time_is_slow_and_one_under_it_is_not() -> None:
    with Limit(None, None, slow_after_s=0.01) as limit:
        await asyncio.sleep(0.03)
    assert limit.slow
    with Limit(None, None, slow_after_s=0.5) as limit:
        await asyncio.sleep(0.001)
    assert not limit.slow


async def test_without_a_time_nothing_is_slow() -> None:
    with Limit(None, None, slow_after_s=None) as limit:
        await asyncio.sleep(0.01)
    assert not limit.slow


async def test_time_in_which_this_loop_stood_still_is_not_the_others() -> None:
    answered = asyncio.Event()

    async def call() -> bool:
        with Limit(None, None, slow_after_s=0.02) as limit:
            await answered.wait()
        return limit.slow

    calling = asyncio.create_task(call())
    await asyncio.sleep(0)
    asyncio.get_running_loop().call_later(0.001, answered.set)
    time.sleep(0.1)  # noqa: ASYNC251  # what is being tested: a loop that stands still
    assert not await calling


async def test_a_timer_ends_with_its_block() -> None:
    with Limit(None, None, slow_after_s=0.005) as limit:
        pass
    await asyncio.sleep(0.02)
    assert not limit.slow


async def test_only_a_success_becomes_slow() -> None:
    with Limit(None, None, slow_after_s=0) as limit:
        await asyncio.sleep(0.005)
    assert limit.judge(Outcome.SUCCESS) is Outcome.SLOW
    assert limit.judge(Outcome.FAILURE) is Outcome.FAILURE
    assert limit.judge(Outcome.NEUTRAL) is Outcome.NEUTRAL


async def test_each_limit_ends_its_own_block_at_its_own_time_in_whatever_order_they_came() -> None:
    loop = asyncio.get_running_loop()
    begun_s = loop.time()
    random = Random(7)

    async def call(seconds: float) -> float:
        with pytest.raises(DeadlineExceeded), Limit(seconds, "query"):
            await asyncio.sleep(10)
        return loop.time() - begun_s - seconds

    async def answered(seconds: float) -> None:
        with Limit(seconds, "query", slow_after_s=seconds / 2) as limit:
            await asyncio.sleep(seconds / 4)
        assert not limit.slow

    lengths = [random.uniform(0.01, 0.4) for _ in range(40)]
    late = await asyncio.gather(*map(call, lengths), *map(answered, lengths))
    assert all(-0.002 <= seconds < 0.25 for seconds in late[:40] if seconds is not None)


async def test_a_limit_that_is_slow_is_still_ended_in_time() -> None:
    limit = Limit(0.03, "query", slow_after_s=0.01)
    begun_s = time.monotonic()
    with pytest.raises(DeadlineExceeded), limit:
        await asyncio.sleep(10)
    assert limit.slow
    assert not limit.lost
    assert 0 <= limit.overdue_s < 0.5
    assert 0.025 < time.monotonic() - begun_s < 0.5


async def test_no_timer_runs_on_when_nothing_is_in_force() -> None:
    with Limit(0.02, None), pytest.raises(RuntimeError, match="my own"):
        raise RuntimeError("my own")
    await asyncio.sleep(0.05)  # the timer that was set finds nothing, and the next limit sets another
    with pytest.raises(DeadlineExceeded), Limit(0.01, None):
        await asyncio.sleep(10)


async def test_cancelled_from_outside_at_its_own_end_it_is_the_cancellation_that_counts() -> None:
    started = asyncio.Event()

    async def call() -> None:
        with Limit(10, "query") as limit:
            started.set()
            try:
                await asyncio.sleep(10)
            finally:
                limit.lose()

    task = asyncio.create_task(call())
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_block_that_ends_by_itself_when_it_is_lost_has_ended_well() -> None:
    with Limit(10, "query") as limit, suppress(asyncio.CancelledError):
        limit.lose()
        await asyncio.sleep(10)
    limit.lose()
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_each_loop_of_each_thread_has_its_own() -> None:
    async def call() -> bool:
        try:
            with Limit(0.02, "query"):
                await asyncio.sleep(10)
        except DeadlineExceeded:
            return True
        return False

    def twice() -> list[bool]:
        return [asyncio.run(call()), asyncio.run(call())]

    here, there = await asyncio.gather(call(), asyncio.to_thread(twice))
    assert here
    assert there == [True, True]
