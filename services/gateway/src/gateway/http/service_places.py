"""What a caller may have of the services, and what those share who are free to make again.

Each caller with a token has a share of the services' time. A call without a token costs nothing to make again from
another address. So all of these share a small bulkhead and a share of that time as well. A guest's token is free to ask
for. So all guests whose session is seconds old share a bulkhead and a share of time, those at addresses with many calls
smaller ones, and the guests of one address share a bulkhead for each lane. The queues are short, since what waits here
holds a place at the edge.
"""

import time
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Final

from gateway.call import Call
from gateway.http.caller_time import LONGEST_CHARGE_S, CallerTimes, Charge, ClassTime, ShareUsedUp
from gateway.http.rate_limits import RateLimits
from gateway.routing import Lane
from holdfast.resilience.bulkhead import Bulkhead
from holdfast.resilience.errors import BulkheadFull
from holdfast.resilience.ratelimit import RateLimiter
from holdfast.resilience.settings import BulkheadSettings, RateSettings

# Two keep one of two cores busy at most; a burst waits for a moment.
ANONYMOUS: Final = BulkheadSettings(limit=2, queue=8, max_wait_s=0.1)
# For guests in the first seconds of their session. A shopper is one of them for a few calls, so when many shoppers come
# at once most calls are theirs.
NEWCOMERS: Final = BulkheadSettings(limit=6, queue=24, max_wait_s=0.3)
# The calls of one address in these classes; one that makes more is a busy address.
MODEST_RATE: Final = RateSettings(per_s=2, burst=10)
BUSY_NEWCOMERS: Final = BulkheadSettings(limit=2, queue=12, max_wait_s=0.3)  # new guests at busy addresses
BUSY_PART: Final = 0.125  # of the new guests' share of time
# Of one customer or administrator, or of the guests of one address, for each lane. It waits as a command for its lane.
CALLER: Final = BulkheadSettings(limit=2, queue=12, max_wait_s=0.6)

_INPUT_INVALID: Final = frozenset({400, 422})
_Slot = AbstractAsyncContextManager[None]
_Bulkheads = dict[tuple[str, Lane], Bulkhead]
"""By the customer id or the address that has them, and by lane."""


class ServicePlaces:
    """The place of a call in front of the services. One event loop."""

    def __init__(
        self,
        limits: RateLimits,
        *,
        guests_at_once: int,
        anonymous_share: float,
        newcomers_share: float,
        caller_share: float,
    ) -> None:
        self._limits = limits
        self._anonymous = Bulkhead("anonymous calls", ANONYMOUS)
        self._anonymous_time = ClassTime("anonymous calls", anonymous_share)
        self._newcomers = Bulkhead("new guests", NEWCOMERS)
        self._newcomers_time = ClassTime("new guests", newcomers_share)
        self._busy_newcomers = Bulkhead("new guests of busy addresses", BUSY_NEWCOMERS)
        self._busy_newcomers_time = ClassTime("new guests of busy addresses", BUSY_PART * newcomers_share)
        self._modest = RateLimiter(MODEST_RATE)
        self._caller_times = CallerTimes(caller_share)
        self._guests = replace(CALLER, limit=guests_at_once)
        self._bulkheads: _Bulkheads = {}  # those with a call under way

    def place(self, call: Call) -> "Place":
        """Hold it for the length of the block.

        Raises Problem 429 `rate-limited`; entering raises ShareUsedUp or DeadlineExceeded.
        """
        caller = call.caller
        self._caller_times.note(None if caller is None else caller.subject)
        if caller is None:
            self._limits.take_service_call(call.address)
            modest = self._modest.take(call.address).allowed
            return Place([self._anonymous_time.charge(modest=modest)], [self._anonymous.slot(call.deadline)])
        self._anonymous_time.others_call()
        charges = [self._caller_times.charge(caller.subject)]
        slots: list[_Slot] = []
        if not call.newcomer:
            self._newcomers_time.others_call()
            self._busy_newcomers_time.others_call()
        elif self._modest.take(call.address).allowed:
            self._busy_newcomers_time.others_call()
            charges.append(self._newcomers_time.charge(modest=True))
            slots.append(self._newcomers.slot(call.deadline))
        else:
            charges.append(self._busy_newcomers_time.charge(modest=False))
            slots.append(self._busy_newcomers.slot(call.deadline))
        guest = caller.role == "guest"
        settings, owner = (self._guests, call.address) if guest else (CALLER, caller.subject)
        slots.append(_OwnSlot(self._bulkheads, settings, owner, call))
        return Place(charges, slots)

    @property
    def bulkheads(self) -> int:
        """How many callers, or addresses of guests, and lanes have a call under way."""
        return len(self._bulkheads)

    def take_session(self, call: Call) -> None:
        """Count a guest's session that a caller with a token opens. Raises Problem 429 `rate-limited`."""
        if call.caller is not None:
            self._limits.take_session(call.address)

    def take_password(self, call: Call) -> None:
        """Count a password to hash. Raises Problem 429 `rate-limited`."""
        self._limits.take_password(call.address, anonymous=call.caller is None)


class Place:
    """Charges accounts, then takes slots; the charge is for the time from then on.

    (A class, since a generator would cost three times as much.)
    """

    __slots__ = ("_began_s", "_charges", "_entered", "_invalid", "_slots", "_taken")

    def __init__(self, charges: Sequence[Charge | None], slots: Sequence[_Slot]) -> None:
        self._charges = [charge for charge in charges if charge is not None]
        self._slots = slots
        self._taken = self._entered = 0
        self._began_s: float | None = None
        self._invalid = False

    def note(self, status: int) -> None:
        """Say what a service answered. A call whose input is invalid is charged with the most that it can cost: a
        caller's mistakes are few.
        """
        self._invalid = status in _INPUT_INVALID

    async def __aenter__(self) -> "Place":
        try:
            for charge in self._charges:
                charge.take()
                self._taken += 1
            for slot in self._slots:
                await slot.__aenter__()
                self._entered += 1
        except BulkheadFull as error:
            await self.__aexit__()
            raise ShareUsedUp(error.dependency) from error
        except BaseException:
            await self.__aexit__()
            raise
        self._began_s = time.monotonic()
        return self

    async def __aexit__(self, *_: object) -> None:
        took_s = 0.0 if self._began_s is None else time.monotonic() - self._began_s
        if self._invalid:
            took_s = LONGEST_CHARGE_S
        for charge in self._charges[: self._taken]:
            charge.settle(took_s)
        for slot in reversed(self._slots[: self._entered]):
            await slot.__aexit__(None, None, None)


class _OwnSlot:
    """A slot in the bulkhead of an owner and a lane, which is dropped when nobody has or awaits a slot in it."""

    __slots__ = ("_bulkhead", "_bulkheads", "_deadline", "_key", "_settings")

    def __init__(self, bulkheads: _Bulkheads, settings: BulkheadSettings, owner: str, call: Call) -> None:
        self._bulkheads = bulkheads
        self._settings = settings
        self._key = owner, Lane.READS if call.route.reads else call.route.lane
        self._deadline = call.deadline

    async def __aenter__(self) -> None:
        bulkhead = self._bulkheads.get(self._key)
        if bulkhead is None:
            bulkhead = self._bulkheads[self._key] = Bulkhead("the services by this caller", self._settings)
        self._bulkhead = bulkhead
        try:
            await bulkhead.slot(self._deadline).__aenter__()
        except BaseException:
            self._forget()
            raise

    async def __aexit__(self, *_: object) -> None:
        self._bulkhead.leave()
        self._forget()

    def _forget(self) -> None:
        if not (self._bulkhead.in_flight or self._bulkhead.waiting):
            self._bulkheads.pop(self._key, None)
