"""One call for all who ask at once: results, errors, and who may leave when."""

import asyncio
import random

import pytest

from holdfast.resilience.singleflight import SingleFlight


class Work:
    """Counts how often it runs, and ends when told."""

    def __init__(self) -> None:
        self.begun = 0
        self.cancelled = 0
        self.end = asyncio.Event()
        self.error: Exception | None = None

    async def make(self) -> int:
        self.begun += 1
        number = self.begun
        try:
            await self.end.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.error is not None:
            raise self.error
        return number


async def turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_a_thousand_callers_make_one_call_and_all_have_its_answer() -> None:
    flights, work = SingleFlight[int](), Work()
    calls = [asyncio.create_task(flights.run("a", work.make)) for _ in range(1000)]
    await turns()
    work.end.set()
    assert await asyncio.gather(*calls) == [1] * 1000
    assert await flights.run("a", work.make) == 2  # the next one is a call of its own


async def test_other_keys_are_other_calls() -> None:
    flights, work = SingleFlight[int](), Work()
    work.end.set()
    assert await asyncio.gather(flights.run("a", work.make), flights.run("b", work.make)) == [1, 2]


async def test_an_error_is_for_all_who_wait_and_for_nobody_after_them() -> None:
    flights, work = SingleFlight[int](), Work()
    work.error = OSError("away")
    calls = [asyncio.create_task(flights.run("a", work.make)) for _ in range(3)]
    await turns()
    work.end.set()
    assert [str(end) for end in await asyncio.gather(*calls, return_exceptions=True)] == ["away"] * 3
    work.error = None
    assert await flights.run("a", work.make) == 2


async def test_whoever_asked_first_may_leave_and_the_others_have_the_same_answer() -> None:
    flights, work = SingleFlight[int](), Work()
    leader, follower = (asyncio.create_task(flights.run("a", work.make)) for _ in range(2))
    await turns()
    leader.cancel()
    await turns()
    work.end.set()
    assert await follower == 1
    assert leader.cancelled()
    assert work.cancelled == 0


async def test_when_all_have_left_the_work_ends_and_the_next_caller_begins_anew() -> None:
    flights, work = SingleFlight[int](), Work()
    calls = [asyncio.create_task(flights.run("a", work.make)) for _ in range(3)]
    await turns()
    for call in calls:
        call.cancel()
    newcomer = asyncio.create_task(flights.run("a", work.make))  # while the first work is being cancelled
    await turns(8)
    work.end.set()
    assert await newcomer == 2
    assert (work.begun, work.cancelled) == (2, 1)


async def test_background_work_goes_on_without_anybody_and_can_be_joined() -> None:
    flights, work = SingleFlight[int](), Work()
    flights.begin("a", work.make)
    flights.begin("a", work.make)
    assert flights.in_background == 1
    joined = asyncio.create_task(flights.run("a", work.make))
    await turns()
    joined.cancel()
    await turns()
    assert (work.begun, work.cancelled) == (1, 0)
    work.end.set()
    await turns()
    assert flights.in_background == 0


async def test_an_error_in_the_background_is_nobodys(caplog: pytest.LogCaptureFixture) -> None:
    flights, work = SingleFlight[int](), Work()
    work.error = OSError("away")
    work.end.set()
    flights.begin("a", work.make)
    await turns()
    assert flights.in_background == 0
    assert caplog.records == []


async def test_closing_ends_what_is_under_way() -> None:
    flights, work = SingleFlight[int](), Work()
    await flights.close()
    flights.begin("a", work.make)
    call = asyncio.create_task(flights.run("b", work.make))
    await turns()
    await flights.close()
    await asyncio.wait({call})
    assert (work.cancelled, flights.in_background) == (2, 0)


async def test_in_any_storm_of_callers_that_leave_nobody_who_stays_is_left_without_an_answer() -> None:
    chance = random.Random(11)
    flights = SingleFlight[int]()
    under_way: dict[str, int] = {}

    async def make(key: str) -> int:
        under_way[key] = under_way.get(key, 0) + 1
        assert under_way[key] == 1
        try:
            await asyncio.sleep(chance.choice([0, 0, 0.001, 0.002]))
        finally:
            under_way[key] -= 1
        return 1

    async def call() -> int:
        key = chance.choice("abc")
        return await flights.run(key, lambda: make(key))

    calls, left = [], set()
    for _ in range(600):
        calls.append(asyncio.create_task(call()))
        if chance.random() < 0.5:
            await asyncio.sleep(chance.choice([0, 0, 0.0005]))
        if chance.random() < 0.5:
            leaving = chance.choice(calls[-8:])
            leaving.cancel()
            left.add(leaving)
    ends = await asyncio.gather(*calls, return_exceptions=True)
    assert {end for task, end in zip(calls, ends, strict=True) if task not in left} == {1}
    assert flights.in_background == 0
    assert not flights._flights
