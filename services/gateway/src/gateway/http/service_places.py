"""What callers who are free to make again may have of the services: those without a token, and guests.

A call without a token costs nothing to make again from another address. So all of these share a small bulkhead and a
share of the services' time, which counts while others call. A guest's token is free to ask for. So all guests whose
session is seconds old share as much, and the guests of one address share a bulkhead for each lane. Customers and
administrators are limited by their token alone. The queues are short, since what waits here holds a place at the edge.
"""

import time
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Final

from gateway.call import Call
from gateway.http.rate_limits import RateLimits
from gateway.routing import Lane
from holdfast.resilience.bulkhead import Bulkhead, Slot
from holdfast.resilience.errors import BulkheadFull
from holdfast.resilience.ratelimit import RateLimiter
from holdfast.resilience.settings import BulkheadSettings, RateSettings
from holdfast.resilience.time_share import TimeShare, TimeShareSettings

# Two keep one of two cores busy at most; a burst waits for a moment.
ANONYMOUS: Final = BulkheadSettings(limit=2, queue=8, max_wait_s=0.1)
# As many again for guests in the first seconds of their session. A shopper is one of them for a few calls.
NEWCOMERS: Final = BulkheadSettings(limit=2, queue=12, max_wait_s=0.3)
# The calls of one address that may begin while its class has used up its time, so that a flood from few addresses takes
# nothing from callers at others.
MODEST_RATE: Final = RateSettings(per_s=2, burst=10)
# What a call is charged with at most: one that takes longer waits for something and uses no processor meanwhile.
LONGEST_CHARGE_S: Final = 0.02
LONGEST_OVERDRAFT_S: Final = 0.5  # until which the account has to be paid off for any call to begin
OTHERS_GONE_S: Final = 1.0  # after the last call of a caller outside the class
_GUESTS_QUEUE: Final = 12
_GUESTS_WAIT_S: Final = 0.6  # as a command waits for its lane

_Bulkheads = dict[tuple[str, Lane], Bulkhead]


class TimeUsedUp(BulkheadFull):
    """The calls of a class have taken their time. `pause_s`: how long the answer is to be held back.

    A caller that is answered at once can call again at once, and each such call costs this process a quarter of a
    millisecond.
    """

    pause_s: Final = 1.0  # the least that Retry-After says


class ServicePlaces:
    """The place of a call in front of the services. One event loop."""

    def __init__(
        self, limits: RateLimits, *, guests_at_once: int, anonymous_share: float, newcomers_share: float
    ) -> None:
        self._limits = limits
        self._anonymous = _CallerClass("anonymous calls", ANONYMOUS, anonymous_share)
        self._newcomers = _CallerClass("new guests", NEWCOMERS, newcomers_share)
        self._guests = BulkheadSettings(limit=guests_at_once, queue=_GUESTS_QUEUE, max_wait_s=_GUESTS_WAIT_S)
        self._by_key: _Bulkheads = {}  # those with a call under way

    def place(self, call: Call) -> AbstractAsyncContextManager[object]:
        """Hold it for the length of the block. Raises Problem 429 `rate-limited`; entering raises BulkheadFull."""
        if call.role is None:
            self._limits.take_service_call(call.address)
            return self._anonymous.slot(call)
        self._anonymous.others_call()
        if not call.newcomer:
            self._newcomers.others_call()
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


class _CallerClass:
    """A bulkhead, an account of the time that its calls take, and how many calls each address made of late.

    The account is kept while others call: with no other callers the class may have all of the services' time.
    """

    def __init__(self, name: str, places: BulkheadSettings, share: float) -> None:
        self._others_called_s = float("-inf")
        self._bulkhead = Bulkhead(name, places)
        self._time = TimeShare(TimeShareSettings(share, burst_s=share))
        self._modest = RateLimiter(MODEST_RATE)

    def slot(self, call: Call) -> "_ChargedPlace":
        """Hold a place for the length of the block. Entering raises BulkheadFull or TimeUsedUp."""
        return _ChargedPlace(self, self._bulkhead.slot(call.deadline), call.address)

    def others_call(self) -> None:
        """Note that a caller of no such class calls."""
        self._others_called_s = time.monotonic()

    def charge(self, address: str) -> float:
        """Charge a call with the most that it can cost, which is returned. Raises TimeUsedUp."""
        if time.monotonic() - self._others_called_s > OTHERS_GONE_S:
            return 0.0
        modest = self._modest.take(address).allowed
        if self._time.wait_s() > (LONGEST_OVERDRAFT_S if modest else 0.0):
            raise TimeUsedUp(self._bulkhead.dependency)
        self._time.charge(LONGEST_CHARGE_S)
        return LONGEST_CHARGE_S

    def settle(self, charged_s: float, took_s: float) -> None:
        """Give back what a call that took so long was charged too much."""
        self._time.charge(min(0.0, took_s - charged_s))


class _ChargedPlace:
    """A place of a class, charged with its length. (A class, since a generator would cost three times as much.)"""

    __slots__ = ("_address", "_began_s", "_charged_s", "_class", "_slot")

    def __init__(self, its_class: _CallerClass, slot: Slot, address: str) -> None:
        self._class = its_class
        self._slot = slot
        self._address = address
        self._began_s = self._charged_s = 0.0

    async def __aenter__(self) -> None:
        self._charged_s = self._class.charge(self._address)
        try:
            await self._slot.__aenter__()
        except BaseException:
            self._class.settle(self._charged_s, 0.0)
            raise
        self._began_s = time.monotonic()

    async def __aexit__(self, *_: object) -> None:
        self._class.settle(self._charged_s, time.monotonic() - self._began_s)
        await self._slot.__aexit__()


class _GuestPlace:
    """A place among the new guests, if the caller is one, and in the bulkhead of its address and lane.

    That bulkhead is made for the first call of its address and dropped after the last.
    """

    __slots__ = ("_bulkhead", "_by_key", "_key", "_places")

    def __init__(
        self, by_key: _Bulkheads, settings: BulkheadSettings, newcomers: _CallerClass | None, call: Call
    ) -> None:
        self._by_key = by_key
        self._key = key = (call.address, Lane.READS if call.route.reads else call.route.lane)
        bulkhead = by_key.get(key)
        if bulkhead is None:
            bulkhead = by_key[key] = Bulkhead("guests of one address", settings)
        self._bulkhead = bulkhead
        own = bulkhead.slot(call.deadline)
        self._places: tuple[AbstractAsyncContextManager[None], ...]
        self._places = (own,) if newcomers is None else (newcomers.slot(call), own)

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
