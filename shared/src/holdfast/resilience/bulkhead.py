"""A bound on the calls of one dependency in flight, with a short first-in-first-out queue in front.

What hangs can then drain only its own share of this process ("Release It!", bulkheads).
"""

import asyncio
from collections import deque

from holdfast.resilience.deadline import Deadline
from holdfast.resilience.errors import BulkheadFull
from holdfast.resilience.protections import PROTECTIONS
from holdfast.resilience.settings import BulkheadSettings


class Bulkhead:
    """At most `limit` holders at once; at most `queue` more wait, each for at most `max_wait_s`. One event loop."""

    def __init__(self, dependency: str, settings: BulkheadSettings) -> None:
        self.dependency = dependency
        self.limit = settings.limit
        self.in_flight = 0
        self._queue = settings.queue
        self._max_wait_s = settings.max_wait_s
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def slot(self, deadline: Deadline | None = None) -> "Slot":
        """Hold a place for the length of the block.

        Raises BulkheadFull when the queue is full or its wait is over, DeadlineExceeded when the deadline has passed
        by the time a place is free. Places are given in order of arrival and are never lost to cancellation.
        """
        return Slot(self, deadline)

    def enter_at_once(self) -> bool:
        """Take a place if one is free; then `leave` must be called."""
        if self.in_flight < self.limit or "bulkhead" not in PROTECTIONS.on:
            self.in_flight += 1  # free places mean that nobody waits: a place left is handed to the first waiter
            return True
        return False

    async def queue_up(self, deadline: Deadline | None) -> None:
        """Wait for a place, as `slot` does; raises BulkheadFull. Then `leave` must be called."""
        wait_s = self._max_wait_s if deadline is None else min(self._max_wait_s, deadline.remaining_s())
        if len(self._waiting) >= self._queue or wait_s <= 0:
            raise BulkheadFull(self.dependency)
        await self._wait(wait_s)

    async def _wait(self, wait_s: float) -> None:
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[None] = loop.create_future()
        self._waiting.append(turn)
        timer = loop.call_later(wait_s, self._give_up, turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn in self._waiting:
                self._waiting.remove(turn)
            elif not turn.cancelled() and turn.exception() is None:
                self.leave()  # the place had just been handed over
            raise
        finally:
            timer.cancel()

    def _give_up(self, turn: asyncio.Future[None]) -> None:
        if turn in self._waiting:
            self._waiting.remove(turn)
            if not turn.done():
                turn.set_exception(BulkheadFull(self.dependency))

    def leave(self) -> None:
        """Give a place back: to who waits longest, if somebody does."""
        while self._waiting and self.in_flight <= self.limit:  # over it: bulkheads were switched off until now
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)  # handed over: the count of calls in flight stays
                return
        self.in_flight -= 1


class Slot:
    """A place in a bulkhead for the length of a block. (A class, since a generator would cost three times as much.)"""

    __slots__ = ("_bulkhead", "_deadline")

    def __init__(self, bulkhead: Bulkhead, deadline: Deadline | None) -> None:
        self._bulkhead = bulkhead
        self._deadline = deadline

    async def __aenter__(self) -> None:
        bulkhead, deadline = self._bulkhead, self._deadline
        if not bulkhead.enter_at_once():
            await bulkhead.queue_up(deadline)
        if deadline is not None:
            try:
                deadline.require(bulkhead.dependency)
            except BaseException:
                bulkhead.leave()
                raise

    async def __aexit__(self, *_: object) -> None:
        self._bulkhead.leave()
