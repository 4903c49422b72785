"""Answers kept to spare calls and to outlive failures: fresh, stale while revalidating, stale if an error (RFC 5861).

Never for reserving or for the price at checkout: these are decided by command-service from its own streams, and
what is kept here is only ever given to whoever reads the catalogue.
"""

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Generic, Literal, TypeVar

from holdfast.resilience.clock import SYSTEM_CLOCK, Clock
from holdfast.resilience.settings import CacheSettings
from holdfast.resilience.singleflight import SingleFlight

_OVERHEAD_BYTES: Final = 2_000  # an entry's key, headers and objects, roughly
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Fetched(Generic[V]):
    """What a fetch gave. `age_s` is how old it was already when it was asked for; None: not to be kept.

    One that is `degraded` is given again only if an error makes that necessary: as soon as a better one is to be had,
    callers are to have it.
    """

    value: V
    bytes: int = 0
    age_s: float | None = None
    degraded: bool = False


@dataclass(frozen=True, slots=True)
class Hit(Generic[V]):
    """A kept value and its age in whole seconds, from when it was true, not from when it was fetched."""

    value: V
    age_s: int
    how: Literal["fresh", "stale-while-revalidate", "stale-if-error"]


class _Entry(Generic[V]):
    __slots__ = ("age_s", "asked_at_s", "bytes", "degraded", "failed", "value")

    def __init__(self, fetched: Fetched[V], age_s: float, asked_at_s: float, key: str) -> None:
        self.value = fetched.value
        self.degraded = fetched.degraded
        self.bytes = fetched.bytes + len(key) + _OVERHEAD_BYTES
        self.age_s = age_s
        self.asked_at_s = asked_at_s
        self.failed = False  # the last try to fetch it anew


Fetch = Callable[[], Awaitable[Fetched[V]]]


class Cache(Generic[V]):
    """The newest value for each key within `max_bytes`; the least recently used go first. One event loop."""

    def __init__(self, max_bytes: int, *, revalidations: int = 8, clock: Clock = SYSTEM_CLOCK) -> None:
        """`revalidations`: how many at once in the background, so that they leave callers their places."""
        self._max_bytes = max_bytes
        self._revalidations = revalidations
        self._clock = clock
        self._entries: OrderedDict[str, _Entry[V]] = OrderedDict()
        self._flights: SingleFlight[V] = SingleFlight()
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._entries)

    def find(self, key: str, settings: CacheSettings, fetch: Fetch[V]) -> Hit[V] | None:
        """A fresh value; or a stale one, which is then fetched anew in the background. None: call `get`.

        After a fetch has failed a stale value is not given as if nothing were wrong: callers wait for the next one.
        """
        entry = self._entries.get(key)
        if entry is None or entry.degraded:
            return None
        age_s = self._age_s(entry)
        if age_s < settings.max_age_s:
            return self._used(key, entry, "fresh")
        if entry.failed or age_s >= settings.max_age_s + settings.stale_while_revalidate_s:
            return None
        self.begin(key, fetch)
        return self._used(key, entry, "stale-while-revalidate")

    def begin(self, key: str, fetch: Fetch[V]) -> None:
        """Fetch anew in the background, unless as many are already. `get` joins it, and it outlasts those who wait."""
        if self._flights.in_background < self._revalidations:
            self._flights.begin(key, lambda: self._fetched(key, fetch))

    def under_way(self, key: str) -> bool:
        """Whether `get` would join a fetch."""
        return key in self._flights

    async def get(self, key: str, fetch: Fetch[V]) -> V:
        """What `fetch` gives, once for all who ask at the same time. Raises what it raises, for all; never kept."""
        return await self._flights.run(key, lambda: self._fetched(key, fetch))

    def on_error(self, key: str, settings: CacheSettings) -> Hit[V] | None:
        """The value to give, marked, when fetching failed; None when there is none or it is too old."""
        entry = self._entries.get(key)
        if entry is None or self._age_s(entry) >= settings.max_age_s + settings.stale_if_error_s:
            return None
        return self._used(key, entry, "stale-if-error")

    def at_hand(self, key: str, settings: CacheSettings) -> Hit[V] | None:
        """A value to give without fetching anything: fresh, or marked as after an error."""
        entry = self._entries.get(key)
        if entry is not None and not entry.degraded and self._age_s(entry) < settings.max_age_s:
            return self._used(key, entry, "fresh")
        return self.on_error(key, settings)

    def keep(self, key: str, fetched: Fetched[V], asked_at_s: float) -> None:
        """Keep what was asked for at `asked_at_s` of the clock, in place of what was asked for before it.

        What is not to be kept, or alone is over the limit, only ends what was known before.
        """
        old = self._entries.get(key)
        if old is not None:
            if old.asked_at_s > asked_at_s:
                return
            self._drop(key)
        if fetched.age_s is None:
            return
        entry = _Entry(fetched, fetched.age_s, asked_at_s, key)
        if entry.bytes > self._max_bytes:
            return
        self._entries[key] = entry
        self.bytes += entry.bytes
        while self.bytes > self._max_bytes:
            self._drop(next(iter(self._entries)))

    def clear(self) -> None:
        """Forget all that is kept."""
        self._entries.clear()
        self.bytes = 0

    def now_s(self) -> float:
        """The cache's clock, for `keep`."""
        return self._clock.now()

    async def close(self) -> None:
        """End every fetch."""
        await self._flights.close()

    async def _fetched(self, key: str, fetch: Fetch[V]) -> V:
        asked_at_s = self._clock.now()
        try:
            fetched = await fetch()
        except Exception:
            entry = self._entries.get(key)
            if entry is not None:
                entry.failed = True
            raise
        self.keep(key, fetched, asked_at_s)
        return fetched.value

    def _age_s(self, entry: _Entry[V]) -> float:
        return entry.age_s + self._clock.now() - entry.asked_at_s

    def _used(
        self, key: str, entry: _Entry[V], how: Literal["fresh", "stale-while-revalidate", "stale-if-error"]
    ) -> Hit[V]:
        self._entries.move_to_end(key)
        return Hit(entry.value, int(self._age_s(entry)), how)

    def _drop(self, key: str) -> None:
        self.bytes -= self._entries.pop(key).bytes
