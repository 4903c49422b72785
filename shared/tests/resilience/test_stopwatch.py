"""What counts as slow, and whose slowness it is."""

import asyncio
import time

from holdfast.resilience.outcome import Outcome
from holdfast.resilience.stopwatch import Stopwatch


async def test_a_block_over_its_time_is_slow_and_one_under_it_is_not() -> None:
    with Stopwatch(0.01) as watch:
        await asyncio.sleep(0.03)
    assert watch.slow
    with Stopwatch(0.5) as watch:
        await asyncio.sleep(0.001)
    assert not watch.slow


async def test_without_a_time_nothing_is_slow() -> None:
    with Stopwatch(None) as watch:
        await asyncio.sleep(0.01)
    assert not watch.slow


async def test_time_in_which_this_loop_stood_still_is_not_the_others() -> None:
    answered = asyncio.Event()

    async def call() -> bool:
        with Stopwatch(0.02) as watch:
            await answered.wait()
        return watch.slow

    calling = asyncio.create_task(call())
    await asyncio.sleep(0)
    asyncio.get_running_loop().call_later(0.001, answered.set)
    time.sleep(0.1)  # noqa: ASYNC251  # what is being tested: a loop that stands still
    assert not await calling


async def test_a_timer_ends_with_its_block() -> None:
    with Stopwatch(0.005) as watch:
        pass
    await asyncio.sleep(0.02)
    assert not watch.slow


async def test_only_a_success_becomes_slow() -> None:
    with Stopwatch(0) as watch:
        await asyncio.sleep(0.005)
    assert watch.judge(Outcome.SUCCESS) is Outcome.SLOW
    assert watch.judge(Outcome.FAILURE) is Outcome.FAILURE
    assert watch.judge(Outcome.NEUTRAL) is Outcome.NEUTRAL
