"""What calls without a token may take of the services behind the gateway, all of them together and from one address.

A call without a token costs its caller nothing to make again from another address. So these calls share a small
bulkhead: however many come, callers with a token find the services free.
"""

from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Final

from gateway.call import Call
from gateway.http.rate_limits import RateLimits
from holdfast.resilience.bulkhead import Bulkhead
from holdfast.resilience.settings import BulkheadSettings

# Four at once keep two cores less than half busy beside the shop's other calls; a burst waits for a moment.
ANONYMOUS: Final = BulkheadSettings(limit=4, queue=16, max_wait_s=0.1)


class AnonymousCalls:
    """The place of a call in front of the services. One event loop."""

    def __init__(self, limits: RateLimits) -> None:
        self._limits = limits
        self._bulkhead = Bulkhead("anonymous calls", ANONYMOUS)

    def place(self, call: Call) -> AbstractAsyncContextManager[object]:
        """Hold it for the length of the block; a call with a token needs none.

        Raises Problem 429 `rate-limited`; entering raises BulkheadFull.
        """
        if not call.anonymous:
            return nullcontext()
        self._limits.take_service_call(call.address)
        return self._bulkhead.slot(call.deadline)

    def take_password(self, call: Call) -> None:
        """Count a password to hash. Raises Problem 429 `rate-limited`."""
        self._limits.take_password(call.address, anonymous=call.anonymous)
