"""Waiting a moment for a read model that is behind its caller's token (CORRECTNESS 22)."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from holdfast.resilience.bulkhead import Bulkhead
from holdfast.resilience.clock import SYSTEM_CLOCK, Clock
from holdfast.resilience.deadline import Deadline
from holdfast.resilience.errors import BulkheadFull
from holdfast.resilience.protections import PROTECTIONS

T = TypeVar("T")

_POLL_S: Final = 0.02  # a projected event takes tens of milliseconds; a get takes one
_KEPT_MS: Final = 50  # of the deadline, for the read and the answer after the wait


class ReadModelBehind(Exception):
    """The read model has not reached a token's version in time, or waiting for it makes no sense now."""

    def __init__(self, what: str) -> None:
        super().__init__(f"the read model has not reached {what} yet")
        self.what = what


class WaitGate:
    """Tells whether waiting makes sense: not while the whole read model is known to be `behind`, since who waits then
    learns nothing, and not for a second once half of the last 20 waits ran out.

    After that second one wait at a time is let through as a probe: reached, it opens the gate again; run out, it keeps
    it closed for another second.
    """

    _LAST: Final = 20
    _HALF: Final = 10
    _CLOSED_S: Final = 1.0

    def __init__(self, clock: Clock = SYSTEM_CLOCK, *, behind: Callable[[], bool] = lambda: False) -> None:
        self._clock = clock
        self._behind = behind
        self._ran_out: deque[bool] = deque(maxlen=self._LAST)
        self._closed_until_s: float | None = None
        self._probing = False
        self._generation = 0

    @property
    def closed(self) -> bool:
        """Whether every wait but a probe is refused."""
        return self._closed_until_s is not None

    def enter(self) -> int | None:
        """A turn to wait now, to be given to `leave` once; None: do not wait."""
        if "breaker" not in PROTECTIONS.on:
            return self._generation
        if self._behind():
            return None
        if self._closed_until_s is None:
            return self._generation
        if self._probing or self._clock.now() < self._closed_until_s:
            return None
        self._probing = True
        return self._generation

    def leave(self, turn: int, ran_out: bool | None) -> None:
        """Ends a wait: whether it `ran_out`, or None when it was cut short and says nothing."""
        if turn != self._generation:
            return  # begun before the gate last closed or opened: that is old news
        if self._closed_until_s is not None:
            self._leave_probe(ran_out)
            return
        if ran_out is not None:
            self._ran_out.append(ran_out)
        if sum(self._ran_out) >= self._HALF:
            self._move(self._clock.now() + self._CLOSED_S)

    def _leave_probe(self, ran_out: bool | None) -> None:
        self._probing = False
        if ran_out is not None:
            self._move(self._clock.now() + self._CLOSED_S if ran_out else None)

    def _move(self, closed_until_s: float | None) -> None:
        self._closed_until_s = closed_until_s
        self._generation += 1
        self._ran_out.clear()


class TokenWaits:
    """Reads again and again until a token's version is there, at most `longest_s` seconds, one wait a caller."""

    def __init__(self, bulkhead: Bulkhead, gate: WaitGate, *, longest_s: float) -> None:
        self._bulkhead = bulkhead
        self._gate = gate
        self._longest_s = longest_s
        self._waiting: set[str] = set()

    @property
    def in_flight(self) -> int:
        return self._bulkhead.in_flight

    @property
    def gate_closed(self) -> bool:
        return self._gate.closed

    async def read(
        self,
        caller_id: str,
        fetch: Callable[[], Awaitable[T]],
        reached: Callable[[T], bool],
        *,
        what: str,
        deadline: Deadline,
    ) -> T:
        """What `fetch` gives once `reached` says that it is new enough: at once if it is, else after a wait.

        Raises ReadModelBehind (with `what` for its message) and whatever `fetch` raises.
        """
        found = await fetch()
        if reached(found):
            return found
        turn = None if caller_id in self._waiting else self._gate.enter()
        if turn is None:
            raise ReadModelBehind(what)
        self._waiting.add(caller_id)
        ran_out: bool | None = None
        try:
            async with self._bulkhead.slot():
                longest_s = min(self._longest_s, deadline.shortened_by(_KEPT_MS).remaining_s())
                result = await self._poll(fetch, reached, longest_s)
            # A wait that the caller's own short deadline ended says nothing about the read model.
            ran_out = None if result is None and longest_s < self._longest_s else result is None
        except BulkheadFull as error:
            raise ReadModelBehind(what) from error
        finally:
            self._waiting.discard(caller_id)
            self._gate.leave(turn, ran_out)
        if result is None:
            raise ReadModelBehind(what)
        return result[0]

    async def _poll(
        self, fetch: Callable[[], Awaitable[T]], reached: Callable[[T], bool], longest_s: float
    ) -> tuple[T] | None:
        loop = asyncio.get_running_loop()
        ends_s = loop.time() + longest_s
        while (left_s := ends_s - loop.time()) > 0:
            await asyncio.sleep(min(_POLL_S, left_s))
            found = await fetch()
            if reached(found):
                return (found,)
        return None
