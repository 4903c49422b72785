"""The bulkhead: a bound, a short queue in order of arrival, and no place lost to cancellation."""

import asyncio
import random

import pytest

from holdfast.resilience.bulkhead import Bulkhead
from holdfast.resilience.clock import FakeClock
from holdfast.resilience.deadline import Deadline
from holdfast.resilience.errors import BulkheadFull, DeadlineExceeded
from holdfast.resilience.settings import BulkheadSettings


def make(limit: int = 2, queue: int = 3, max_wait_s: float = 5.0) -> Bulkhead:
    return Bulkhead("query", BulkheadSettings(limit=limit, queue=queue, max_wait_s=max_wait_s))


class Holder:
    """A task that holds a place until told to leave."""

    def __init__(self, bulkhead: Bulkhead, order: list[int] | None = None, number: int = 0) -> None:
        self.leave = asyncio.Event()
        self.inside = asyncio.Event()
        self.task = asyncio.create_task(self._hold(bulkhead, order, number))

    async def _hold(self, bulkhead: Bulkhead, order: list[int] | None, number: int) -> None:
        async with bulkhead.slot():
            self.inside.set()
            if order is not None:
                order.append(number)
            await self.leave.wait()


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_no_more_than_the_limit_are_inside_and_no_more_than_the_queue_wait() -> None:
    bulkhead = make()
    holders = [Holder(bulkhead) for _ in range(6)]
    await settle()
    assert (bulkhead.in_flight, bulkhead.waiting) == (2, 3)
    with pytest.raises(BulkheadFull) as caught:
        await holders[5].task
    assert (caught.value.dependency, caught.value.retry_after_s) == ("query", 1)
    for holder in holders[:5]:
        holder.leave.set()
    await asyncio.gather(*(holder.task for holder in holders[:5]))
    assert (bulkhead.in_flight, bulkhead.waiting) == (0, 0)


async def test_places_are_given_in_order_of_arrival() -> None:
    bulkhead = make(limit=1, queue=10)
    order: list[int] = []
    holders = [Holder(bulkhead, order, number) for number in range(6)]
    for holder in holders:
        await holder.inside.wait()
        holder.leave.set()
    await asyncio.gather(*(holder.task for holder in holders))
    assert order == list(range(6))


async def test_a_newcomer_does_not_overtake_who_was_just_given_the_place() -> None:
    bulkhead = make(limit=1, queue=1)
    first, second = Holder(bulkhead), Holder(bulkhead)
    await settle()
    first.leave.set()
    await first.task  # the place is the second's now, though it has not run yet
    with pytest.raises(BulkheadFull):
        async with make_full(bulkhead):
            pass
    await second.inside.wait()
    second.leave.set()
    await second.task


def make_full(bulkhead: Bulkhead):  # type: ignore[no-untyped-def]
    bulkhead._queue = 0
    return bulkhead.slot()


async def test_waiting_is_bounded() -> None:
    bulkhead = make(limit=1, max_wait_s=0.02)
    holder = Holder(bulkhead)
    await settle()
    begun_s = asyncio.get_running_loop().time()
    with pytest.raises(BulkheadFull):
        async with bulkhead.slot():
            pass
    assert 0.015 < asyncio.get_running_loop().time() - begun_s < 1
    assert (bulkhead.in_flight, bulkhead.waiting) == (1, 0)
    holder.leave.set()
    await holder.task
    assert bulkhead.in_flight == 0


async def test_waiting_is_no_longer_than_the_deadline() -> None:
    bulkhead = make(limit=1)
    holder = Holder(bulkhead)
    await settle()
    with pytest.raises(BulkheadFull):
        async with bulkhead.slot(Deadline.after(0.01)):
            pass
    with pytest.raises(BulkheadFull):
        async with bulkhead.slot(Deadline.after(0)):
            pass
    holder.leave.set()
    await holder.task


async def test_a_place_is_not_used_after_the_deadline() -> None:
    bulkhead = make()
    clock = FakeClock()
    deadline = Deadline.after(1, clock=clock)
    clock.advance(1)
    with pytest.raises(DeadlineExceeded):
        async with bulkhead.slot(deadline):
            pytest.fail("no time left")
    assert bulkhead.in_flight == 0


async def test_cancelled_while_waiting_leaves_the_queue() -> None:
    bulkhead = make(limit=1)
    first, second, third = Holder(bulkhead), Holder(bulkhead), Holder(bulkhead)
    await settle()
    second.task.cancel()
    await settle()
    assert bulkhead.waiting == 1
    first.leave.set()
    await third.inside.wait()
    third.leave.set()
    await third.task
    assert bulkhead.in_flight == 0


async def test_cancelled_at_the_moment_of_being_given_the_place_passes_it_on() -> None:
    bulkhead = make(limit=1)
    first, second, third = Holder(bulkhead), Holder(bulkhead), Holder(bulkhead)
    await settle()
    first.leave.set()
    await first.task
    second.task.cancel()  # it holds the place but has not run
    await third.inside.wait()
    assert bulkhead.in_flight == 1
    third.leave.set()
    await third.task
    assert bulkhead.in_flight == 0


async def test_cancelled_and_given_a_place_in_the_same_turn_of_the_loop() -> None:
    bulkhead = make(limit=1)
    first, second, third = Holder(bulkhead), Holder(bulkhead), Holder(bulkhead)
    await settle()
    second.task.cancel()
    first.leave.set()  # it leaves before the cancelled one has run, or after
    await third.inside.wait()
    third.leave.set()
    await third.task
    assert (bulkhead.in_flight, bulkhead.waiting) == (0, 0)


async def test_given_up_and_cancelled_in_the_same_turn_of_the_loop() -> None:
    bulkhead = make(limit=1)
    first, second = Holder(bulkhead), Holder(bulkhead)
    await settle()
    turn = bulkhead._waiting[0]
    second.task.cancel()
    bulkhead._give_up(turn)  # its timer fires before the cancelled task has run
    bulkhead._give_up(turn)
    await asyncio.gather(second.task, return_exceptions=True)
    third = Holder(bulkhead)
    await settle()
    turn = bulkhead._waiting[0]
    bulkhead._give_up(turn)
    third.task.cancel()  # and the other way round
    await asyncio.gather(third.task, return_exceptions=True)
    assert (bulkhead.in_flight, bulkhead.waiting) == (1, 0)
    first.leave.set()
    await first.task
    assert bulkhead.in_flight == 0


async def test_no_place_is_lost_in_any_storm_of_arrivals_and_cancellations() -> None:
    chance = random.Random(7)
    bulkhead = make(limit=3, queue=6, max_wait_s=0.004)
    most = 0

    async def call() -> None:
        nonlocal most
        async with bulkhead.slot():
            most = max(most, bulkhead.in_flight)
            await asyncio.sleep(chance.choice([0, 0, 0.001, 0.004]))

    tasks = []
    for _ in range(400):
        tasks.append(asyncio.create_task(call()))
        if chance.random() < 0.5:
            await asyncio.sleep(chance.choice([0, 0.0005]))
        if chance.random() < 0.4:
            chance.choice(tasks[-10:]).cancel()
    ends = await asyncio.gather(*tasks, return_exceptions=True)
    assert most == 3
    assert (bulkhead.in_flight, bulkhead.waiting) == (0, 0)
    assert {type(end) for end in ends} == {type(None), BulkheadFull, asyncio.CancelledError}
