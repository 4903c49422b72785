"""How many calls may be with the services at once: of all callers without a token, and of one address's guests.

A call without a token costs nothing to make again from another address, so all of these share a small bulkhead. A
guest's token is free to ask for, so the guests of one address share a bulkhead for each lane: however many sessions an
address opens, it takes little of the services. Customers and administrators are limited by their token alone.
"""

from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Final

from gateway.call import Call
from gateway.http.rate_limits import RateLimits
from gateway.routing import Lane
from holdfast.resilience.bulkhead import Bulkhead, Slot
from holdfast.resilience.settings import BulkheadSettings

# Four at once keep two cores less than half busy beside the shop's other calls; a burst waits for a moment.
ANONYMOUS: Final = BulkheadSettings(limit=4, queue=16, max_wait_s=0.1)
_GUESTS_QUEUE: Final = 64  # a replay comes with 50 shoppers of one address at once
_GUESTS_WAIT_S: Final = 0.6  # as a command waits for its lane

_Bulkheads = dict[tuple[str, Lane], Bulkhead]


class ServicePlaces:
    """The place of a call in front of the services. One event loop."""

    def __init__(self, limits: RateLimits, guests_at_once: int) -> None:
        self._limits = limits
        self._anonymous = Bulkhead("anonymous calls", ANONYMOUS)
        self._guests = BulkheadSettings(limit=guests_at_once, queue=_GUESTS_QUEUE, max_wait_s=_GUESTS_WAIT_S)
        self._by_key: _Bulkheads = {}  # those with a call under way

    def place(self, call: Call) -> AbstractAsyncContextManager[object]:
        """Hold it for the length of the block. Raises Problem 429 `rate-limited`; entering raises BulkheadFull."""
        if call.role is None:
            self._limits.take_service_call(call.address)
            return self._anonymous.slot(call.deadline)
        return _GuestPlace(self._by_key, self._guests, call) if call.role == "guest" else nullcontext()

    def take_session(self, call: Call) -> None:
        """Count a guest's session that a caller with a token opens. Raises Problem 429 `rate-limited`."""
        if call.role is not None:
            self._limits.take_session(call.address)

    def take_password(self, call: Call) -> None:
        """Count a password to hash. Raises Problem 429 `rate-limited`."""
        self._limits.take_password(call.address, anonymous=call.role is None)


class _GuestPlace:
    """A place in the bulkhead of one address and lane, which is made for its first call and dropped after its last."""

    __slots__ = ("_bulkhead", "_by_key", "_key", "_slot")

    def __init__(self, by_key: _Bulkheads, settings: BulkheadSettings, call: Call) -> None:
        self._by_key = by_key
        self._key = key = (call.address, Lane.READS if call.route.reads else call.route.lane)
        bulkhead = by_key.get(key)
        if bulkhead is None:
            bulkhead = by_key[key] = Bulkhead("guests of one address", settings)
        self._bulkhead = bulkhead
        self._slot: Slot = bulkhead.slot(call.deadline)

    async def __aenter__(self) -> None:
        try:
            await self._slot.__aenter__()
        except BaseException:
            self._drop()
            raise

    async def __aexit__(self, *error: object) -> None:
        await self._slot.__aexit__(*error)
        self._drop()

    def _drop(self) -> None:
        if not (self._bulkhead.in_flight or self._bulkhead.waiting):
            self._by_key.pop(self._key, None)
