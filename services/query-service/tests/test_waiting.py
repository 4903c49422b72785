"""When waiting for a version makes sense, on a fake clock; and the memory that makes each answer once."""

import asyncio
from collections.abc import Callable

import pytest

from holdfast.resilience.bulkhead import Bulkhead
from holdfast.resilience.clock import FakeClock
from holdfast.resilience.deadline import Deadline
from holdfast.resilience.settings import BulkheadSettings
from query_service.kept import KeptAnswers
from query_service.waiting import ReadModelBehind, TokenWaits, WaitGate


def test_nobody_waits_while_the_read_model_is_known_to_be_behind() -> None:
    behind = True
    gate = WaitGate(FakeClock(), behind=lambda: behind)
    assert gate.closed
    assert not gate.admits("a")
    behind = False
    assert not gate.closed
    assert gate.admits("a")


def test_a_caller_whose_wait_ran_out_does_not_wait_for_a_second_and_others_do() -> None:
    clock = FakeClock()
    gate = WaitGate(clock)
    for _ in range(1_000):
        gate.ran_out("hostile")
    assert not gate.admits("hostile")
    assert gate.admits("other")
    assert not gate.closed
    clock.advance(0.99)
    assert not gate.admits("hostile")
    clock.advance(0.01)
    assert gate.admits("hostile")


def test_a_trial_that_runs_out_costs_another_second_and_one_that_is_reached_none() -> None:
    clock = FakeClock()
    gate = WaitGate(clock)
    gate.ran_out("a")
    clock.advance(1)
    gate.ran_out("a")
    clock.advance(0.5)
    assert not gate.admits("a")
    clock.advance(0.5)
    assert gate.admits("a")
    gate.reached("a")
    assert len(gate) == 0


def test_ever_new_callers_are_remembered_within_a_bound() -> None:
    gate = WaitGate(FakeClock(), at_most=3)
    for caller in "abcad":
        gate.ran_out(caller)
    assert len(gate) == 3
    assert [caller for caller in "abcd" if not gate.admits(caller)] == ["a", "c", "d"]  # b's was longest ago


def test_without_breakers_everybody_waits(switch_off: Callable[..., None]) -> None:
    gate = WaitGate(FakeClock(), behind=lambda: True)
    gate.ran_out("a")
    switch_off("breaker")
    assert gate.admits("a")
    assert gate.closed  # still shown
    switch_off()
    assert not gate.admits("a")


async def test_made_up_tokens_of_one_caller_cost_the_others_nothing() -> None:
    waits = TokenWaits(Bulkhead("tokens", BulkheadSettings(limit=2, queue=0)), WaitGate(), longest_s=0.05)
    there = False

    async def ask(caller: str, *, never: bool = False) -> bool:
        async def fetch() -> bool:
            return there and not never

        return await waits.read(caller, fetch, bool, what="it", deadline=Deadline.after(1))

    for _ in range(3):
        hostile = [asyncio.create_task(ask("hostile", never=True)) for _ in range(20)]
        await asyncio.sleep(0.01)
        assert waits.in_flight <= 1
        mine = asyncio.create_task(ask("me"))
        await asyncio.sleep(0.01)
        there = True
        assert await mine
        there = False
        assert {type(one) for one in await asyncio.gather(*hostile, return_exceptions=True)} == {ReadModelBehind}


async def test_a_wait_that_the_callers_own_deadline_ended_says_nothing() -> None:
    gate = WaitGate()
    waits = TokenWaits(Bulkhead("tokens", BulkheadSettings(limit=2, queue=0)), gate, longest_s=0.2)

    async def never() -> bool:
        return False

    with pytest.raises(ReadModelBehind):
        await waits.read("a", never, bool, what="it", deadline=Deadline.after(0.1))
    assert gate.admits("a")
    with pytest.raises(ReadModelBehind):
        await waits.read("a", never, bool, what="it", deadline=Deadline.after(1))
    assert not gate.admits("a")


async def test_no_more_than_the_bulkhead_holds_wait_at_once() -> None:
    waits = TokenWaits(Bulkhead("tokens", BulkheadSettings(limit=2, queue=0)), WaitGate(), longest_s=0.1)
    reached = asyncio.Event()

    async def ask(caller: str) -> bool:
        async def fetch() -> bool:
            return reached.is_set()

        return await waits.read(caller, fetch, bool, what="it", deadline=Deadline.after(1))

    first = [asyncio.create_task(ask(caller)) for caller in "ab"]
    await asyncio.sleep(0.03)
    assert waits.in_flight == 2
    with pytest.raises(ReadModelBehind, match="it"):
        await ask("c")
    reached.set()
    assert await asyncio.gather(*first) == [True, True]
    assert waits.in_flight == 0
    assert await ask("c")


async def test_what_goes_wrong_during_a_wait_is_told_and_leaves_nothing_behind() -> None:
    waits = TokenWaits(Bulkhead("tokens", BulkheadSettings(limit=1, queue=0)), WaitGate(), longest_s=0.1)
    calls = 0

    async def fetch() -> bool:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise RuntimeError("gone")
        return calls > 3

    with pytest.raises(RuntimeError, match="gone"):
        await waits.read("a", fetch, bool, what="it", deadline=Deadline.after(1))
    assert await waits.read("a", fetch, bool, what="it", deadline=Deadline.after(1))
    task = asyncio.create_task(waits.read("a", fetch, lambda _: False, what="it", deadline=Deadline.after(1)))
    await asyncio.sleep(0.03)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert waits.in_flight == 0
    assert await waits.read("a", fetch, bool, what="it", deadline=Deadline.after(1))


async def test_an_answer_is_made_once_for_all_who_ask_meanwhile_and_kept_while_fresh() -> None:
    clock = FakeClock()
    kept: KeptAnswers[int] = KeptAnswers(fresh_s=10, at_most=2, clock=clock)
    made: list[str] = []

    async def answer(key: str) -> int:
        async def make() -> int:
            made.append(key)
            await asyncio.sleep(0.01)
            return len(made)

        return await kept.get(key, make)

    assert await asyncio.gather(*(answer("a") for _ in range(50))) == [1] * 50
    clock.advance(9.9)
    assert await answer("a") == 1
    clock.advance(0.1)
    assert await answer("a") == 2
    await answer("b")
    await answer("a")
    await answer("c")  # b is the one used longest ago
    assert len(kept) == 2
    assert made == ["a", "a", "b", "c"]
    await answer("b")
    assert made[-1] == "b"


async def test_failures_are_told_to_all_and_not_kept() -> None:
    kept: KeptAnswers[int] = KeptAnswers(fresh_s=10, at_most=2)
    tries = 0

    async def make() -> int:
        nonlocal tries
        tries += 1
        await asyncio.sleep(0.01)
        if tries == 1:
            raise RuntimeError("no")
        return tries

    results = await asyncio.gather(*(kept.get("a", make) for _ in range(3)), return_exceptions=True)
    assert [type(result) for result in results] == [RuntimeError] * 3
    assert await kept.get("a", make) == 2


async def test_an_asker_that_leaves_does_not_end_the_making_for_the_others() -> None:
    kept: KeptAnswers[int] = KeptAnswers(fresh_s=10, at_most=2)

    async def make() -> int:
        await asyncio.sleep(0.03)
        return 7

    first = asyncio.create_task(kept.get("a", make))
    second = asyncio.create_task(kept.get("a", make))
    await asyncio.sleep(0.01)
    first.cancel()
    assert await second == 7
    with pytest.raises(asyncio.CancelledError):
        await first
