"""Who may hash when: shares of the processor, fairness between networks, places in the queue (CORRECTNESS 7)."""

import asyncio
from collections.abc import Callable

import pytest

from command_service.adapters.turns import OTHERS, TRUSTED, Share, ShareSettings, Source, Turns, Waiting
from holdfast.resilience.clock import FakeClock
from holdfast.resilience.deadline import Deadline
from holdfast.resilience.errors import BulkheadFull
from holdfast.resilience.time_share import TimeShare, TimeShareSettings

HASH_S = 0.025
FLOOD, HOME, WORK = "192.0.2.66", "192.0.2.1", "192.0.2.2"


def soon() -> Deadline:
    return Deadline.after(10)


def own_share(settings: ShareSettings, clock: FakeClock) -> Share:
    return Share(settings, TimeShare(settings.cpu, clock))


class Queue:
    """A Share whose calls are named by hand."""

    def __init__(self, share: Share) -> None:
        self.share = share
        self._arrivals = 0

    def join(self, source: Source) -> tuple[Waiting, Waiting | None]:
        self._arrivals += 1
        waiting = Waiting(source, self._arrivals, asyncio.get_running_loop().create_future())
        return waiting, self.share.join(waiting)


def test_the_account_allows_a_burst_then_the_share_of_a_core() -> None:
    clock = FakeClock()
    share = own_share(OTHERS, clock)
    in_a_burst = 0
    while share.cpu.wait_s() == 0:
        share.cpu.charge(HASH_S)
        in_a_burst += 1
    assert in_a_burst in (10, 11)
    later = 0
    for _ in range(600):
        clock.advance(0.1)
        while share.cpu.wait_s() == 0:
            share.cpu.charge(HASH_S)
            later += 1
    assert 60 * OTHERS.cpu.share - 0.1 <= later * HASH_S <= 60 * OTHERS.cpu.share + 0.1


def test_a_slower_machine_gets_fewer_hashes_and_no_more_of_the_core() -> None:
    clock = FakeClock()
    share = own_share(OTHERS, clock)
    spent_s = 0.0
    for _ in range(6_000):
        clock.advance(0.01)
        if share.cpu.wait_s() == 0:
            share.cpu.charge(0.2)
            spent_s += 0.2
    assert spent_s <= 60 * OTHERS.cpu.share + OTHERS.cpu.burst_s + 0.2


def test_all_shares_of_two_replicas_leave_more_than_a_core_of_two() -> None:
    assert 2 * (TRUSTED.cpu.share + OTHERS.cpu.share) < 0.7
    assert 2 * OTHERS.cpu.share < 0.3


async def test_a_full_queue_refuses_the_newest_of_the_network_with_most_calls() -> None:
    queue = Queue(own_share(ShareSettings(TimeShareSettings(1, 1), queue=3), FakeClock()))
    flood = [queue.join(Source(FLOOD)) for _ in range(3)]
    assert [leaving for _, leaving in flood] == [None, None, None]
    again, leaving = queue.join(Source(FLOOD))
    assert leaving is again
    home, leaving = queue.join(Source(HOME))
    assert leaving is flood[2][0]
    assert queue.share.pop_next() is home
    assert queue.share.pop_next() is flood[0][0]


async def test_within_one_network_the_token_with_most_calls_is_refused_first() -> None:
    queue = Queue(own_share(ShareSettings(TimeShareSettings(1, 1), queue=3), FakeClock()))
    flood = [queue.join(Source(FLOOD, "eve"))[0] for _ in range(3)]
    neighbour, leaving = queue.join(Source(FLOOD, "ada"))
    assert leaving is flood[2]
    assert queue.share.pop_next() is neighbour


async def test_a_network_that_had_its_turns_waits_behind_one_that_had_none() -> None:
    queue = Queue(own_share(ShareSettings(TimeShareSettings(1, 1), queue=1), FakeClock()))
    for _ in range(5):
        queue.join(Source(FLOOD))
        queue.share.pop_next()
    waiting, _ = queue.join(Source(FLOOD))
    home, leaving = queue.join(Source(HOME))
    assert leaving is waiting
    assert queue.share.pop_next() is home


async def test_while_the_account_is_overdrawn_one_call_waits() -> None:
    clock = FakeClock()
    queue = Queue(own_share(ShareSettings(TimeShareSettings(0.1, 0.1), queue=4), clock))
    queue.share.cpu.charge(1.0)
    assert queue.join(Source(HOME))[1] is None
    second, leaving = queue.join(Source(HOME))
    assert leaving is second
    clock.advance(9)
    assert [queue.join(Source(HOME))[1] for _ in range(3)] == [None] * 3


async def test_a_flood_without_a_token_takes_no_place_from_callers_with_one() -> None:
    turns = Turns("argon2")
    await turns.take(Source(FLOOD), soon())
    flood = [asyncio.create_task(turns.take(Source(f"192.0.2.{n}"), soon())) for n in range(100, 150)]
    await asyncio.sleep(0)
    bearer = asyncio.create_task(turns.take(Source(FLOOD, "ada"), soon()))
    at_home = asyncio.create_task(turns.take(Source(FLOOD, known=True), soon()))
    await asyncio.sleep(0)
    assert sum(isinstance(task.exception(), BulkheadFull) for task in flood if task.done()) == 46
    turns.give_back(Source(FLOOD), HASH_S)
    await bearer
    turns.give_back(Source(FLOOD, "ada"), HASH_S)
    await at_home
    turns.give_back(Source(FLOOD, known=True), HASH_S)
    await next(task for task in flood if not task.done())
    turns.close()
    await gone(*flood)


async def test_an_overdrawn_account_does_not_hold_up_the_other_class() -> None:
    turns = Turns("argon2")
    await turns.take(Source(FLOOD), soon())
    turns.give_back(Source(FLOOD), 10.0)
    waiting = asyncio.create_task(turns.take(Source(HOME), soon()))
    await asyncio.sleep(0)
    await asyncio.wait_for(turns.take(Source(FLOOD, "ada"), soon()), 0.2)
    turns.give_back(Source(FLOOD, "ada"), HASH_S)
    with pytest.raises(BulkheadFull):  # its own wait is over long before a deadline that would look like a failure
        await asyncio.wait_for(waiting, OTHERS.max_wait_s + 0.3)
    turns.close()


async def test_a_short_deadline_is_not_used_up_by_waiting() -> None:
    turns = Turns("argon2")
    await turns.take(Source(FLOOD), soon())
    with pytest.raises(BulkheadFull):
        await asyncio.wait_for(turns.take(Source(HOME), Deadline.after(0.2)), 0.19)
    turns.close()


async def test_a_call_begins_by_itself_when_the_account_allows_it_again() -> None:
    turns = Turns("argon2", others=ShareSettings(TimeShareSettings(0.5, 0.01)))
    await turns.take(Source(HOME), soon())
    turns.give_back(Source(HOME), 0.06)
    began_s = asyncio.get_running_loop().time()
    await turns.take(Source(HOME), soon())
    assert asyncio.get_running_loop().time() - began_s > 0.08
    turns.close()


async def test_a_caller_that_gives_up_loses_no_turn() -> None:
    turns = Turns("argon2")
    await turns.take(Source(HOME), soon())
    waiting = [asyncio.create_task(turns.take(Source(WORK), soon())) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[0].cancel()  # while it waits
    turns.give_back(Source(HOME), HASH_S)
    waiting[1].cancel()  # in the moment in which its turn comes
    await waiting[2]
    await gone(*waiting[:2])
    turns.give_back(Source(WORK), HASH_S)
    await asyncio.wait_for(turns.take(Source(HOME), soon()), 1)
    turns.close()


async def test_without_bulkheads_every_call_waits_for_its_turn(switch_off: Callable[..., None]) -> None:
    turns = Turns("argon2", others=ShareSettings(TimeShareSettings(0.001, 0.001), queue=1))
    switch_off("bulkhead")
    served = 0

    async def one() -> None:
        nonlocal served
        await turns.take(Source(FLOOD), soon())
        served += 1
        turns.give_back(Source(FLOOD), 1.0)

    await asyncio.wait_for(asyncio.gather(*(one() for _ in range(50))), 5)
    assert served == 50


async def gone(*tasks: "asyncio.Task[None]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
