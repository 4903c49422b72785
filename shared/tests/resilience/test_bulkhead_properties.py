"""The bulkhead against a naive model, over any order of arrivals, departures and cancellations."""

import asyncio
from dataclasses import dataclass, field

from hypothesis import example, given
from hypothesis import strategies as st

from holdfast.resilience.bulkhead import Bulkhead
from holdfast.resilience.errors import BulkheadFull
from holdfast.resilience.settings import BulkheadSettings

LIMIT, QUEUE = 1, 3
WHAT = ["arrive", "leave", "cancel", "blink", "settle"]
Step = tuple[str, int]


@dataclass(eq=False)
class Caller:
    """Waits for a place, then holds it until told to leave."""

    bulkhead: Bulkhead
    order: list["Caller"]
    leave: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None

    async def run(self) -> None:
        async with self.bulkhead.slot():
            self.order.append(self)
            await self.leave.wait()


@given(st.lists(st.tuples(st.sampled_from(WHAT), st.integers(0, 6)), max_size=40))
@example([("arrive", 0), ("arrive", 0), ("leave", 0), ("blink", 0), ("cancel", 1)])
@example([("arrive", 0), ("arrive", 0), ("arrive", 0), ("leave", 0), ("cancel", 1), ("blink", 0)])
def test_places_go_round_in_order_and_none_is_lost(steps: list[Step]) -> None:
    asyncio.run(_compare(steps))


async def _compare(steps: list[Step]) -> None:
    """Between two turns of the loop anything may come together; once all is settled the model says who is inside."""
    bulkhead = Bulkhead("x", BulkheadSettings(LIMIT, QUEUE, max_wait_s=60))
    callers: list[Caller] = []
    order: list[Caller] = []
    for what, which in [*steps, ("settle", 0)]:
        if what == "arrive":
            caller = Caller(bulkhead, order)
            caller.task = asyncio.create_task(caller.run())
            callers.append(caller)
            await asyncio.sleep(0)  # each arrives in a turn of its own, so that their order is known
        elif what == "blink":  # a place may be handed over here, and its new holder be cancelled before it has run
            await asyncio.sleep(0)
        elif what == "settle":
            for _ in range(4):
                await asyncio.sleep(0)
            _agrees(bulkhead, callers)
        elif callers:
            caller = callers[which % len(callers)]
            assert caller.task is not None
            caller.leave.set() if what == "leave" else caller.task.cancel()
    for caller in callers:
        caller.leave.set()
    ends = await asyncio.gather(*(caller.task for caller in callers if caller.task), return_exceptions=True)
    assert {type(end) for end in ends} <= {type(None), BulkheadFull, asyncio.CancelledError}
    assert (bulkhead.in_flight, bulkhead.waiting) == (0, 0)
    assert order == [caller for caller in callers if caller in order]  # first come, first in


def _agrees(bulkhead: Bulkhead, callers: list[Caller]) -> None:
    live = [caller for caller in callers if caller.task is not None and not caller.task.done()]
    assert bulkhead.in_flight == min(LIMIT, len(live))
    assert bulkhead.waiting == max(0, len(live) - LIMIT)
    assert bulkhead.waiting <= QUEUE
