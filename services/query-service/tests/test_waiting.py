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


def entered(gate: WaitGate) -> int:
    turn = gate.enter()
    assert turn is not None
    return turn


def run_out(gate: WaitGate, times: int, *, ran_out: bool | None = True) -> None:
    for _ in range(times):
        gate.leave(entered(gate), ran_out)


def test_nobody_waits_while_the_read_model_is_known_to_be_behind() -> None:
    behind = True
    gate = WaitGate(FakeClock(), behind=lambda: behind)
    assert gate.enter() is None
    behind = False
    assert gate.enter() is not None


def test_the_gate_closes_when_half_of_the_last_twenty_waits_ran_out() -> None:
    gate = WaitGate(FakeClock())
    run_out(gate, 11, ran_out=False)
    run_out(gate, 9)
    assert not gate.closed
    run_out(gate, 1)
    assert gate.closed
    assert gate.enter() is None


def test_older_waits_than_the_last_twenty_are_forgotten() -> None:
    gate = WaitGate(FakeClock())
    run_out(gate, 9)
    run_out(gate, 20, ran_out=False)
    run_out(gate, 9)
    assert not gate.closed


def test_without_breakers_a_closed_gate_lets_everybody_wait(switch_off: Callable[..., None]) -> None:
    gate = WaitGate(FakeClock())
    run_out(gate, 10)
    assert gate.enter() is None
    switch_off("breaker")
    assert gate.enter() is not None
    assert gate.closed  # still shown
    switch_off()
    assert gate.enter() is None


def test_waits_cut_short_say_nothing() -> None:
    gate = WaitGate(FakeClock())
    run_out(gate, 50, ran_out=None)
    assert not gate.closed


def test_after_a_second_one_probe_is_let_in_and_opens_the_gate_when_it_is_reached() -> None:
    clock = FakeClock()
    gate = WaitGate(clock)
    run_out(gate, 10)
    clock.advance(0.99)
    assert gate.enter() is None
    clock.advance(0.01)
    cut_short = entered(gate)
    assert gate.enter() is None
    gate.leave(cut_short, None)
    assert gate.closed
    gate.leave(entered(gate), False)
    assert not gate.closed
    run_out(gate, 9)
    assert not gate.closed


def test_a_probe_that_runs_out_closes_it_for_another_second() -> None:
    clock = FakeClock()
    gate = WaitGate(clock)
    run_out(gate, 10)
    clock.advance(1)
    run_out(gate, 1)
    assert gate.enter() is None
    clock.advance(1)
    assert gate.enter() is not None


@pytest.mark.parametrize("ran_out", [True, False, None])
def test_a_wait_begun_before_the_gate_closed_neither_opens_it_nor_lends_the_probe_again(ran_out: bool | None) -> None:
    clock = FakeClock()
    gate = WaitGate(clock)
    late = [entered(gate), entered(gate)]
    run_out(gate, 10)
    gate.leave(late[0], ran_out)
    assert gate.closed
    clock.advance(1)
    probe = entered(gate)
    gate.leave(late[1], ran_out)
    assert gate.enter() is None
    gate.leave(probe, False)
    assert not gate.closed


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
