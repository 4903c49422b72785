"""How old the read model is: the oldest watermark of the indices behind the aliases (CORRECTNESS 24)."""

import asyncio
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import structlog
from elasticsearch import ApiError, AsyncElasticsearch, TransportError

from holdfast.contracts.documents import alias, watermarks_index
from holdfast.contracts.messages import PARTITIONS, TOPICS
from holdfast.resilience.errors import DeadlineExceeded
from holdfast.resilience.guard import Guard
from holdfast.resilience.limit import STALL_S, Limit
from holdfast.resilience.probe import spread
from holdfast.resilience.protections import PROTECTIONS
from query_service.adapters.elasticsearch import refuses_the_query
from query_service.warming import warm

log = structlog.get_logger(__name__)
_RESTART_TAKES_S: Final = 3.0
_ALIASES_EVERY: Final = 4  # looks: an alias swaps once a rebuild, and a dropped index is noticed at once


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Staleness:
    """How an answer has to be marked. `age_s` None: no watermark was ever seen, nothing is known."""

    degraded: bool
    age_s: float | None


class Freshness:
    """What is known of the read model's age. `drained_at`: everything recorded before it is in every index."""

    def __init__(self, *, stale_after_s: float, now: Callable[[], datetime] = utc_now) -> None:
        self._stale_after_s = stale_after_s
        self._now = now
        self._drained_at: datetime | None = None
        self._complete = False

    @property
    def drained_at(self) -> datetime | None:
        return self._drained_at

    def saw(self, oldest: datetime | None) -> None:
        """The oldest watermark of all, None when one is missing: the age is then unknown but grows from the last."""
        self._complete = oldest is not None
        if oldest is not None:
            self._drained_at = oldest

    def staleness(self) -> Staleness:
        """As of now: it grows while nothing new is seen."""
        if self._drained_at is None:
            return Staleness(degraded=True, age_s=None)
        age_s = max(0.0, (self._now() - self._drained_at).total_seconds())
        return Staleness(degraded=not self._complete or age_s > self._stale_after_s, age_s=age_s)

    @property
    def behind(self) -> bool:
        """Whether the read model is known to be older than answers may be without saying so."""
        staleness = self.staleness()
        return staleness.age_s is not None and staleness.age_s > self._stale_after_s


class WatermarkWatch:
    """Looks at the watermarks every `every_s` seconds and tells `freshness`.

    It is at the same time Elasticsearch's active probe: each look that gets no answer within `timeout_s` is a missed
    probe for `guard`, so that an outage is seen without a shopper's call, and one that takes longer than `slow_after_s`
    a late one, which does not speak for letting callers try again.
    """

    def __init__(
        self,
        client: AsyncElasticsearch,
        guard: Guard,
        freshness: Freshness,
        namespace: str,
        *,
        every_s: float,
        timeout_s: float,
        slow_after_s: float,
    ) -> None:
        self._client = client
        self._guard = guard
        self._freshness = freshness
        self._namespace = namespace
        self._every_s = every_s
        self._timeout_s = timeout_s
        self._slow_after_s = slow_after_s
        self._indices: Sequence[str] = ()
        self._looks = 0
        self._answered_at_s = -math.inf
        self._warming: asyncio.Task[None] | None = None
        self.answers = False
        """Whether Elasticsearch answered the last look, and is warm."""

    async def run(self) -> None:
        """Looks until cancelled."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                next_s = loop.time() + spread(self._every_s)
                try:
                    await self.look()
                except Exception as error:  # something else answers in Elasticsearch's place
                    log.exception("watermark_look_failed")
                    self._missed(error)
                await asyncio.sleep(max(0.0, next_s - loop.time()))
        finally:
            self._stop_warming()

    async def look(self) -> None:
        """One look. Raises nothing that Elasticsearch's absence causes."""
        began_s = time.monotonic()
        try:
            with Limit(self._timeout_s, self._guard.name, slow_after_s=self._slow_after_s) as limit:
                oldest = await self._oldest()
        except (DeadlineExceeded, TransportError) as error:
            if time.monotonic() - began_s < self._timeout_s + STALL_S:  # else this process's own loop was held up
                self._missed(error)
            return
        except ApiError as error:
            if not refuses_the_query(error):
                self._missed(error)
                return
            oldest = None  # no alias or no watermark yet: Elasticsearch itself works
        self._freshness.saw(oldest)
        if not self.answers:
            if not self._is_warm():
                return
            log.info("elasticsearch_answers")
        self.answers = True
        self._answered_at_s = time.monotonic()
        if "probe" in PROTECTIONS.on:
            if limit.slow:
                self._guard.breaker.probe_late()
            else:
                self._guard.breaker.probe_succeeded()

    def _is_warm(self) -> bool:
        """Starts to warm a server just started. The looks go on meanwhile, so that its next absence is seen."""
        if time.monotonic() - self._answered_at_s <= _RESTART_TAKES_S:
            return True  # a server that was away for so short a time was paused or slow, not started anew
        if self._warming is None:
            self._warming = asyncio.create_task(
                warm(self._client, self._namespace, until_under_s=self._timeout_s), name="warm"
            )
        if not self._warming.done():
            return False
        warming, self._warming = self._warming, None
        warming.result()  # raises what something else in Elasticsearch's place caused
        return True

    def _stop_warming(self) -> None:
        if self._warming is not None:
            self._warming.cancel()
            self._warming = None

    def _missed(self, error: Exception) -> None:
        if self.answers:
            log.warning("elasticsearch_away", error=type(error).__name__)
        self.answers = False
        if "probe" in PROTECTIONS.on:
            self._guard.probe_missed()
        if self._guard.breaker.lost:
            self._stop_warming()

    async def _oldest(self) -> datetime | None:
        if self._looks % _ALIASES_EVERY == 0 or not self._indices:
            self._indices = await self._behind_aliases()
        self._looks += 1
        if len(self._indices) != len(TOPICS):
            self._indices = ()
            return None
        ids = [f"{index}:{partition}" for index in self._indices for partition in range(PARTITIONS)]
        answer = await self._client.mget(
            index=watermarks_index(self._namespace), ids=ids, source_includes=["drained_at"]
        )
        times = [_drained_at(document) for document in answer["docs"]]
        if None in times:
            self._indices = ()  # perhaps swapped away: look behind the aliases again
            return None
        return min(time for time in times if time is not None)

    async def _behind_aliases(self) -> list[str]:
        names = [alias(self._namespace, topic) for topic in TOPICS]
        answer = await self._client.indices.get_alias(name=names, ignore_unavailable=True)
        return sorted(index for index, found in answer.body.items() if found["aliases"])


def _drained_at(document: Mapping[str, Any]) -> datetime | None:
    return datetime.fromisoformat(document["_source"]["drained_at"]) if document.get("found") else None
