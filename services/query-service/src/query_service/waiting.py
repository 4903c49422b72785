"""Waiting a moment for a read model that is behind its caller's token (CORRECTNESS 22)."""

import asyncio
from collections import OrderedDict
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
    """Tells whether a caller's wait makes sense: not while the whole read model is known to be `behind`, and not for a
    second after this caller's last wait ran out.

    A token can name a version that will never be there, so a wait that ran out says something about its caller alone.
    The last `at_most` callers whose waits ran out are remembered; one who is forgotten may wait once more.
    """

    _CLOSED_S: Final = 1.0

    def __init__(
        self, clock: Clock = SYSTEM_CLOCK, *, behind: Callable[[], bool] = lambda: False, at_most: int = 10_000
    ) -> None:
        self._clock = clock
        self._behind = behind
        self._at_most = at_most
        self._closed_until_s: OrderedDict[str, float] = OrderedDict()

    def __len__(self) -> int:
        """How many callers are remembered."""
        return len(self._closed_until_s)

    @property
    def closed(self) -> bool:
        """Whether every wait is refused."""
        return self._behind()

    def admits(self, caller_id: str) -> bool:
        """Whether this caller may wait now."""
        if "breaker" not in PROTECTIONS.on:
            return True
        if self._behind():
            return False
        closed_until_s = self._closed_until_s.get(caller_id)
        return closed_until_s is None or self._clock.now() >= closed_until_s

    def ran_out(self, caller_id: str) -> None:
        """A wait of this caller's was in vain."""
        self._closed_until_s[caller_id] = self._clock.now() + self._CLOSED_S
        self._closed_until_s.move_to_end(caller_id)
        while len(self._closed_until_s) > self._at_most:
            self._closed_until_s.popitem(last=False)

    def reached(self, caller_id: str) -> None:
        """A wait of this caller's ended well."""
        self._closed_until_s.pop(caller_id, None)


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
        if caller_id in self._waiting or not self._gate.admits(caller_id):
            raise ReadModelBehind(what)
        self._waiting.add(caller_id)
        try:
            async with self._bulkhead.slot():
                longest_s = min(self._longest_s, deadline.shortened_by(_KEPT_MS).remaining_s())
                result = await self._poll(fetch, reached, longest_s)
        except BulkheadFull as error:
            raise ReadModelBehind(what) from error
        finally:
            self._waiting.discard(caller_id)
        if result is not None:
            self._gate.reached(caller_id)
        elif longest_s == self._longest_s:  # else the caller's own short deadline ended it
            self._gate.ran_out(caller_id)
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
