"""A token bucket for each caller: a flood of one client leaves the others served."""

import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from holdfast.resilience.clock import SYSTEM_CLOCK, Clock
from holdfast.resilience.errors import RateLimited, retry_after
from holdfast.resilience.settings import RateSettings

V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class RateDecision:
    """What RateLimit headers say. limit and remaining count requests; reset_s: seconds until the bucket is full.

    refusals: the caller's refused calls, of which each allowed call has taken three back. At most 100.
    """

    allowed: bool
    limit: int
    remaining: int
    reset_s: int
    retry_after_s: int
    refusals: int = 0

    def require(self) -> None:
        """Raise RateLimited unless the call was allowed."""
        if not self.allowed:
            raise RateLimited(retry_after_s=self.retry_after_s, limit=self.limit, reset_s=self.reset_s)


_MOST_REFUSALS: Final = 100
_FORGIVEN: Final = 3  # refusals for one allowed call: those of a caller at over four times its rate add up


class TokenBucket:
    """`burst` tokens at most, `per_s` new ones a second; a call takes one."""

    __slots__ = ("_at_s", "_burst", "_per_s", "_refusals", "_tokens")

    def __init__(self, per_s: float, burst: int, now_s: float) -> None:
        self._per_s = per_s
        self._burst = burst
        self._tokens = float(burst)
        self._at_s = now_s
        self._refusals = 0

    def take(self, now_s: float) -> RateDecision:
        self._refill(now_s)
        allowed = self._tokens >= 1
        if allowed:
            self._tokens -= 1
            self._refusals = max(0, self._refusals - _FORGIVEN)
        else:
            self._refusals = min(_MOST_REFUSALS, self._refusals + 1)
        return RateDecision(
            allowed=allowed,
            limit=self._burst,
            remaining=int(self._tokens),
            reset_s=math.ceil((self._burst - self._tokens) / self._per_s),
            retry_after_s=0 if allowed else retry_after((1 - self._tokens) / self._per_s),
            refusals=self._refusals,
        )

    def full(self, now_s: float) -> bool:
        """Whether it is as good as a new one."""
        self._refill(now_s)
        return self._tokens >= self._burst

    def _refill(self, now_s: float) -> None:
        self._tokens = min(float(self._burst), self._tokens + (now_s - self._at_s) * self._per_s)
        self._at_s = now_s


class RateLimiter:
    """A bucket a key, at most `max_keys` of them: full ones go first (they say nothing), then the least recently used.

    A caller whose bucket is dropped early gets a full one: the bound on memory wins over the bound on a rare flood.
    """

    def __init__(self, settings: RateSettings, *, clock: Clock = SYSTEM_CLOCK) -> None:
        self._settings = settings
        self._clock = clock
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()  # least recently used first

    def __len__(self) -> int:
        return len(self._buckets)

    @property
    def window_s(self) -> int:
        """Seconds in which an empty bucket fills: RateLimit-Policy's w."""
        return math.ceil(self._settings.burst / self._settings.per_s)

    def take(self, key: str) -> RateDecision:
        """Count one call of this key. Never raises; see RateDecision.require."""
        now_s = self._clock.now()
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = TokenBucket(self._settings.per_s, self._settings.burst, now_s)
            self._buckets[key] = bucket
        else:
            self._buckets.move_to_end(key)
        decision = bucket.take(now_s)
        forget_oldest(self._buckets, self._settings.max_keys, lambda oldest: oldest.full(now_s))
        return decision


def forget_oldest(kept: OrderedDict[str, V], most: int, says_nothing: Callable[[V], bool]) -> None:
    """Drop up to two of the least recently used, which come first: those beyond `most`, and those that say nothing.

    Two for each one made: what a flood of keys leaves behind melts away.
    """
    for _ in range(2):
        if kept and (len(kept) > most or says_nothing(next(iter(kept.values())))):
            kept.popitem(last=False)
