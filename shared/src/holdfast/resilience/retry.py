"""How much repeating a process may do, and how long it pauses before."""

import random
from collections.abc import Callable

from holdfast.resilience.clock import SYSTEM_CLOCK, Clock
from holdfast.resilience.settings import RetrySettings
from holdfast.resilience.window import RollingCount

_BUCKETS = 10


class RetryBudget:
    """Finagle's: in any ttl that ends with a repeat, repeats are at most floor_per_s x ttl + budget x requests.

    A budget keeps the load of repeats proportionate when everything fails, where a count of attempts multiplies it.
    """

    def __init__(self, settings: RetrySettings | None = None, *, clock: Clock = SYSTEM_CLOCK) -> None:
        settings = settings or RetrySettings()
        self._share = settings.budget
        self._reserve = settings.floor_per_s * settings.ttl_s
        self._requests = RollingCount(settings.ttl_s, _BUCKETS, clock)
        self.deposit = self._requests.add  # itself, not a call around it, as every call does it
        """A first attempt was made."""
        # A bucket more than the ttl has: what is forgotten has really been gone for a ttl.
        self._repeats = RollingCount(settings.ttl_s * (_BUCKETS + 1) / _BUCKETS, _BUCKETS + 1, clock)

    def withdraw(self) -> bool:
        """Ask for one repeat: True, and it is counted, or False."""
        allowed = self._reserve + self._share * self._requests.total
        if self._repeats.total + 1 > allowed + 1e-9:  # ten tenths are one
            return False
        self._repeats.add()
        return True


def backoff_s(settings: RetrySettings, rng: Callable[[], float] = random.random) -> float:
    """A pause drawn evenly between the two bounds (full jitter): callers that failed together part."""
    shortest_s, longest_s = settings.backoff_s
    return shortest_s + (longest_s - shortest_s) * rng()
