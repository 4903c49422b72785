"""How many calls may be with the services at once: of callers without a token, of new guests, of one address's guests.

A call without a token costs nothing to make again from another address, so all of these share a small bulkhead. A
guest's token is free to ask for. So all guests whose session is seconds old share another one, and the guests of one
address share one for each lane: however many sessions are opened, they take little of the services. Customers and
administrators are limited by their token alone. The queues are short, since what waits here holds a place at the edge.
"""

from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Final

from gateway.call import Call
from gateway.http.rate_limits import RateLimits
from gateway.routing import Lane
from holdfast.resilience.bulkhead import Bulkhead
from holdfast.resilience.settings import BulkheadSettings

# Four at once keep two cores less than half busy beside the shop's other calls; a burst waits for a moment.
ANONYMOUS: Final = BulkheadSettings(limit=4, queue=8, max_wait_s=0.1)
# As many again for guests in the first seconds of their session. A shopper is one of them for a few calls.
NEWCOMERS: Final = BulkheadSettings(limit=4, queue=12, max_wait_s=0.3)
_GUESTS_QUEUE: Final = 12
_GUESTS_WAIT_S: Final = 0.6  # as a command waits for its lane

_Bulkheads = dict[tuple[str, Lane], Bulkhead]


class ServicePlaces:
    """The place of a call in front of the services. One event loop."""

    def __init__(self, limits: RateLimits, guests_at_once: int) -> None:
        self._limits = limits
        self._anonymous = Bulkhead("anonymous calls", ANONYMOUS)
        self._newcomers = Bulkhead("new guests", NEWCOMERS)
        self._guests = BulkheadSettings(limit=guests_at_once, queue=_GUESTS_QUEUE, max_wait_s=_GUESTS_WAIT_S)
        self._by_key: _Bulkheads = {}  # those with a call under way

    def place(self, call: Call) -> AbstractAsyncContextManager[object]:
        """Hold it for the length of the block. Raises Problem 429 `rate-limited`; entering raises BulkheadFull."""
        if call.role is None:
            self._limits.take_service_call(call.address)
            return self._anonymous.slot(call.deadline)
        if call.role != "guest":
            return nullcontext()
        return _GuestPlace(self._by_key, self._guests, self._newcomers if call.newcomer else None, call)

    def take_session(self, call: Call) -> None:
        """Count a guest's session that a caller with a token opens. Raises Problem 429 `rate-limited`."""
        if call.role is not None:
            self._limits.take_session(call.address)

    def take_password(self, call: Call) -> None:
        """Count a password to hash. Raises Problem 429 `rate-limited`."""
        self._limits.take_password(call.address, anonymous=call.role is None)


class _GuestPlace:
    """A place among the new guests, if the caller is one, and in the bulkhead of its address and lane.

    That bulkhead is made for the first call of its address and dropped after the last.
    """

    __slots__ = ("_bulkhead", "_by_key", "_key", "_places")

    def __init__(self, by_key: _Bulkheads, settings: BulkheadSettings, newcomers: Bulkhead | None, call: Call) -> None:
        self._by_key = by_key
        self._key = key = (call.address, Lane.READS if call.route.reads else call.route.lane)
        bulkhead = by_key.get(key)
        if bulkhead is None:
            bulkhead = by_key[key] = Bulkhead("guests of one address", settings)
        self._bulkhead = bulkhead
        own = bulkhead.slot(call.deadline)
        self._places = (own,) if newcomers is None else (newcomers.slot(call.deadline), own)

    async def __aenter__(self) -> None:
        entered = 0
        try:
            for place in self._places:
                await place.__aenter__()
                entered += 1
        except BaseException:
            await self._leave(entered)
            raise

    async def __aexit__(self, *_: object) -> None:
        await self._leave(len(self._places))

    async def _leave(self, entered: int) -> None:
        for place in reversed(self._places[:entered]):
            await place.__aexit__(None, None, None)
        if not (self._bulkhead.in_flight or self._bulkhead.waiting):
            self._by_key.pop(self._key, None)
