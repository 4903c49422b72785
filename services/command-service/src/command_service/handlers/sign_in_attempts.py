"""The delay after wrong passwords, which grows with each further one (CORRECTNESS 7).

Each account has one counter for callers from networks that it does not know, and one for each network that it does.
A stranger's guesses therefore never delay the owner at home. The counters are in this replica's memory: an attacker who
asks two replicas has twice the attempts, and a restart gives them anew.
"""

import hashlib
import math
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final, NewType

from holdfast.resilience.clock import SYSTEM_CLOCK, Clock

FREE_FAILURES: Final = 5  # a person who tries the passwords that they have
LONGEST_DELAY_S: Final = 900.0  # four guesses an hour
FORGOTTEN_AFTER_S: Final = 86_400.0  # much longer than the longest delay, so that waiting gains no attempts
# Every counter costs its maker a hash. At 10 hashes a second (adapters/turns.py) 20,000 take 33 minutes, so that
# displacing a counter takes longer than its longest delay. About 5 MB.
MAX_COUNTERS: Final = 20_000

CounterKey = NewType("CounterKey", bytes)


class SignInDelayed(Exception):
    """Too many wrong passwords; nothing was tried. Repeat in `retry_after_s` seconds, 1 to 900."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"too many wrong passwords, try again in {retry_after_s} s")
        self.retry_after_s = retry_after_s


def delay_s(failures: int) -> float:
    """Seconds from the last of so many failures in a row to the next attempt: 0 for 4, then 1, 2, 4 … 900."""
    if failures < FREE_FAILURES:
        return 0.0
    doublings = failures - FREE_FAILURES
    return min(LONGEST_DELAY_S, 2.0 ** min(doublings, 10))


def counter_key(normal_email: str, known_network: str | None) -> CounterKey:
    """The counter of an account: `known_network` is the caller's if the account knows it, None for every other one.

    An e-mail that nobody registered has a counter as well, so that delays tell nothing. A digest, so that a counter's
    size does not depend on the caller.
    """
    return CounterKey(hashlib.blake2b(f"{normal_email}\n{known_network or ''}".encode(), digest_size=16).digest())


@dataclass(slots=True)
class _Failures:
    count: int
    last_at_s: float


class SignInAttempts:
    """Counts wrong passwords; the counter with the oldest failure is dropped at the limit. For one event loop."""

    def __init__(self, *, clock: Clock = SYSTEM_CLOCK, max_counters: int = MAX_COUNTERS) -> None:
        self._clock = clock
        self._max_counters = max_counters
        self._failures: OrderedDict[CounterKey, _Failures] = OrderedDict()  # the oldest failure first

    def __len__(self) -> int:
        return len(self._failures)

    def require_no_delay(self, key: CounterKey) -> None:
        """Raises SignInDelayed while the delay after the last failure runs."""
        found = self._failures.get(key)
        if found is None:
            return
        since_s = self._clock.now() - found.last_at_s
        left_s = round(delay_s(found.count) - since_s, 3)  # a remainder of the clock's arithmetic is no delay
        if left_s > 0:
            raise SignInDelayed(math.ceil(left_s))

    def failed(self, key: CounterKey) -> None:
        """Count a wrong password."""
        now_s = self._clock.now()
        found = self._failures.pop(key, None)
        if found is None or now_s - found.last_at_s >= FORGOTTEN_AFTER_S:
            found = _Failures(0, now_s)
        self._failures[key] = _Failures(found.count + 1, now_s)
        if len(self._failures) > self._max_counters:
            self._failures.popitem(last=False)

    def succeeded(self, key: CounterKey) -> None:
        """Start again at none."""
        self._failures.pop(key, None)
