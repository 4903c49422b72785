"""Admission: a limit that moves with late calls, shares by priority, a short queue, and no place lost."""

import asyncio
import random
import time
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.resilience.admission import AdaptiveLimit, Admission, Priority
from holdfast.resilience.clock import FakeClock
from holdfast.resilience.errors import Overloaded
from holdfast.resilience.settings import AdmissionSettings

SETTINGS = AdmissionSettings(first=10, smallest=4, largest=20, queue=3, max_wait_s=5.0)
CHECKOUT, CART, BROWSE, RECOMMENDATIONS, ANONYMOUS = Priority


def window(limit: AdaptiveLimit, clock: FakeClock, *, calls: int = 20, late: int = 0, in_flight: int = 10) -> int:
    """One window's calls; the limit after it."""
    for number in range(calls):
        limit.record(late=number < late, in_flight=in_flight)
    clock.advance(SETTINGS.window_s)
    limit.record(late=False, in_flight=in_flight)
    return limit.value


def test_the_limit_grows_by_a_step_while_calls_come_back_in_time_up_to_the_largest() -> None:
    clock = FakeClock()
    limit = AdaptiveLimit(SETTINGS, clock=clock)
    assert window(limit, clock) > SETTINGS.first
    for _ in range(10):
        window(limit, clock, in_flight=20)
    assert limit.value == SETTINGS.largest


def test_the_limit_shrinks_by_a_share_while_too_many_are_late_down_to_the_smallest() -> None:
    clock = FakeClock()
    limit = AdaptiveLimit(SETTINGS, clock=clock)
    limit.record(late=True, in_flight=10)
    clock.advance(SETTINGS.window_s)
    for _ in range(SETTINGS.least_calls):
        limit.record(late=True, in_flight=10)
    assert limit.value == int(SETTINGS.first * SETTINGS.decrease)
    for _ in range(40):
        clock.advance(SETTINGS.window_s)
        for _ in range(SETTINGS.least_calls):
            limit.record(late=True, in_flight=10)
    assert limit.value == SETTINGS.smallest


def test_a_limit_that_nobody_reaches_stays() -> None:
    clock = FakeClock()
    limit = AdaptiveLimit(SETTINGS, clock=clock)
    assert window(limit, clock, in_flight=2) == SETTINGS.first


def test_what_late_calls_took_from_the_limit_comes_back_although_nobody_reaches_it() -> None:
    clock = FakeClock()
    limit = AdaptiveLimit(SETTINGS, clock=clock)
    while window(limit, clock, late=10) > SETTINGS.smallest:
        pass
    for _ in range(100):
        window(limit, clock, in_flight=2)
    assert SETTINGS.first <= limit.value < SETTINGS.first + SETTINGS.increase


def test_a_few_late_calls_say_nothing() -> None:
    clock = FakeClock()
    limit = AdaptiveLimit(replace(SETTINGS, increase=0), clock=clock)
    assert window(limit, clock, calls=20, late=2) == SETTINGS.first


def test_a_window_with_too_few_calls_goes_on() -> None:
    clock = FakeClock()
    limit = AdaptiveLimit(SETTINGS, clock=clock)
    clock.advance(100)
    for _ in range(SETTINGS.least_calls - 1):
        limit.record(late=True, in_flight=10)
    assert limit.value == SETTINGS.first
    limit.record(late=True, in_flight=10)
    assert limit.value < SETTINGS.first


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 30), st.floats(0, 3)), max_size=300))
def test_the_limit_never_leaves_its_bounds(calls: list[tuple[bool, int, float]]) -> None:
    clock = FakeClock()
    limit = AdaptiveLimit(SETTINGS, clock=clock)
    for late, in_flight, seconds in calls:
        clock.advance(seconds)
        limit.record(late=late, in_flight=in_flight)
        assert SETTINGS.smallest <= limit.value <= SETTINGS.largest


class Holder:
    """A task that holds a place until told to leave."""

    def __init__(self, admission: Admission, priority: Priority, total_s: float = 60.0) -> None:
        self.inside = asyncio.Event()
        self.leave = asyncio.Event()
        self.task = asyncio.create_task(self._hold(admission, priority, total_s))

    async def _hold(self, admission: Admission, priority: Priority, total_s: float) -> None:
        async with admission.slot(priority, total_s):
            self.inside.set()
            await self.leave.wait()

    async def end(self) -> None:
        self.leave.set()
        await self.task


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def fill(admission: Admission, priority: Priority, count: int) -> list[Holder]:
    holders = [Holder(admission, priority) for _ in range(count)]
    await settle()
    return holders


async def clear(holders: list[Holder]) -> None:
    for holder in holders:
        holder.leave.set()
    await asyncio.gather(*(holder.task for holder in holders), return_exceptions=True)


async def test_each_priority_fills_its_share_and_the_last_places_are_the_checkouts() -> None:
    admission = Admission(replace(SETTINGS, queue=0))
    holders: list[Holder] = []
    for priority, room in ((ANONYMOUS, 3), (RECOMMENDATIONS, 2), (BROWSE, 3), (CART, 1), (CHECKOUT, 1)):
        holders += await fill(admission, priority, 10)
        assert sum(holder.inside.is_set() for holder in holders[-10:]) == room
    assert admission.in_flight == SETTINGS.first
    assert dict(admission.shed) == {CHECKOUT: 9, CART: 9, BROWSE: 7, RECOMMENDATIONS: 8, ANONYMOUS: 7}
    await clear(holders)
    assert (admission.in_flight, admission.waiting) == (0, 0)


async def test_what_is_shed_is_told_at_once_to_come_back_at_different_times() -> None:
    admission = Admission(replace(SETTINGS, first=4, queue=0))
    holders = await fill(admission, CHECKOUT, 4)
    begun = time.perf_counter()
    told = set()
    for _ in range(200):
        with pytest.raises(Overloaded) as caught:
            async with admission.slot(CHECKOUT, 1.5):
                pass
        told.add(caught.value.retry_after_s)
    assert (time.perf_counter() - begun) / 200 < 0.005
    assert told == {1, 2, 3}
    await clear(holders)


async def test_the_most_important_that_waits_goes_first() -> None:
    admission = Admission(SETTINGS)
    inside = await fill(admission, CHECKOUT, 10)
    browse, cart, checkout = [(await fill(admission, priority, 1))[0] for priority in (BROWSE, CART, CHECKOUT)]
    await inside[0].end()
    await settle()
    assert [holder.inside.is_set() for holder in (browse, cart, checkout)] == [False, False, True]
    await inside[1].end()
    await settle()
    assert not cart.inside.is_set(), "nine of ten places are taken: the last is the checkouts'"
    await inside[2].end()
    await settle()
    assert cart.inside.is_set()
    await clear([*inside, browse, cart, checkout])


async def test_the_longest_wait_ends_with_a_refusal() -> None:
    admission = Admission(replace(SETTINGS, max_wait_s=0.02))
    inside = await fill(admission, CHECKOUT, 10)
    with pytest.raises(Overloaded):
        async with admission.slot(CHECKOUT, 1.5):
            pass
    assert admission.waiting == 0
    await clear(inside)


async def test_a_full_queue_gives_the_place_of_its_least_important_to_a_more_important_call() -> None:
    admission = Admission(SETTINGS)
    inside = await fill(admission, CHECKOUT, 10)
    first, second = await fill(admission, BROWSE, 2)
    (recommendation,) = await fill(admission, RECOMMENDATIONS, 1)
    (cart,) = await fill(admission, CART, 1)
    with pytest.raises(Overloaded):
        await recommendation.task
    (checkout,) = await fill(admission, CHECKOUT, 1)
    with pytest.raises(Overloaded):
        await second.task
    (late,) = await fill(admission, BROWSE, 1)
    with pytest.raises(Overloaded):
        await late.task
    assert admission.waiting == 3
    await clear([*inside, first, cart, checkout])


async def test_late_calls_are_those_that_took_more_than_their_share_of_the_time() -> None:
    clock = FakeClock()
    admission = Admission(replace(SETTINGS, late_after=0.25, increase=0), clock=clock)
    for _ in range(SETTINGS.least_calls):
        async with admission.slot(BROWSE, 0.8):
            clock.advance(0.21)
    assert admission.limit < SETTINGS.first
    before = admission.limit
    for _ in range(SETTINGS.least_calls):
        async with admission.slot(CHECKOUT, 1.5):
            clock.advance(0.21)
    assert admission.limit == before


async def test_a_place_that_comes_together_with_the_cancellation_goes_to_the_next() -> None:
    admission = Admission(SETTINGS)
    inside = await fill(admission, CHECKOUT, 9)
    async with admission.slot(CHECKOUT, 1.5):
        one, two = await fill(admission, CHECKOUT, 2)
    one.task.cancel()  # it has been given the place, but has not run since
    await settle()
    assert one.task.cancelled()
    assert two.inside.is_set()
    await clear([*inside, two])
    assert admission.in_flight == 0


async def test_who_is_cancelled_while_waiting_is_passed_over() -> None:
    admission = Admission(SETTINGS)
    inside = await fill(admission, CHECKOUT, 9)
    async with admission.slot(CHECKOUT, 1.5):
        one, two = await fill(admission, CHECKOUT, 2)
        one.task.cancel()
    await settle()
    assert one.task.cancelled()
    assert two.inside.is_set()
    await clear([*inside, two])
    assert (admission.in_flight, admission.waiting) == (0, 0)


async def test_who_is_cancelled_while_waiting_can_be_displaced_all_the_same() -> None:
    admission = Admission(replace(SETTINGS, queue=1))
    inside = await fill(admission, CHECKOUT, 10)
    (browse,) = await fill(admission, BROWSE, 1)
    inside[0].leave.set()
    browse.task.cancel()
    async with admission.slot(CHECKOUT, 1.5):
        assert browse.task.cancelled()
    await clear(inside)
    assert (admission.in_flight, admission.waiting) == (0, 0)


async def test_a_thousand_callers_with_cancellations_leave_no_place_behind() -> None:
    chance = random.Random(7)
    admission = Admission(replace(SETTINGS, max_wait_s=0.01))
    ended: Counter[str] = Counter()

    async def call(priority: Priority) -> None:
        try:
            async with admission.slot(priority, 1.0):
                assert admission.in_flight <= SETTINGS.largest
                await asyncio.sleep(chance.random() / 200)
            ended["served"] += 1
        except Overloaded:
            ended["shed"] += 1
        except asyncio.CancelledError:
            ended["cancelled"] += 1
            raise

    tasks = []
    for _ in range(1000):
        tasks.append(asyncio.create_task(call(chance.choice(list(Priority)))))
        if chance.random() < 0.2:
            await asyncio.sleep(chance.random() / 500)
        if chance.random() < 0.4:
            chance.choice(tasks[-20:]).cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert min(ended[word] for word in ("served", "shed", "cancelled")) > 50, ended
    assert (admission.in_flight, admission.waiting) == (0, 0)


async def test_require_refuses_what_would_be_turned_away_and_takes_no_place() -> None:
    admission = Admission(replace(SETTINGS, first=4, queue=1))
    await fill(admission, CHECKOUT, 4)
    admission.require(BROWSE)  # the queue has a place
    waits = (await fill(admission, BROWSE, 1))[0]
    with pytest.raises(Overloaded):
        admission.require(BROWSE)
    admission.require(CHECKOUT)  # in the place of the one that waits
    assert (admission.in_flight, admission.waiting, waits.inside.is_set()) == (4, 1, False)
    assert admission.shed[BROWSE] == 1


async def test_a_call_whose_length_its_caller_decides_does_not_move_the_limit() -> None:
    clock = FakeClock()
    admission = Admission(replace(SETTINGS, least_calls=1), clock=clock)
    for judged in (False, True):
        for _ in range(5):
            async with admission.slot(BROWSE, 0.8) as slot:
                clock.advance(SETTINGS.window_s)
                slot.judged = judged
        assert (admission.limit < SETTINGS.first) == judged
