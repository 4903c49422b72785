"""The catalogue's reads through the cache: what may be kept, for which callers, and how an answer says so.

Kept are whole 200 answers of routes that are the same for everybody; nothing of a caller is sent for them or kept.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final

from fastapi.responses import Response
from prometheus_client import CollectorRegistry, Counter

from gateway.answers import NO_READ_MODEL, age_of
from gateway.call import Call
from gateway.representation import Representation
from holdfast.resilience.cache import Cache, Fetched, Hit
from holdfast.resilience.deadline import Deadline
from holdfast.resilience.protections import NAIVE_TOTAL_S, PROTECTIONS
from holdfast.resilience.wire import Answer

Ask = Callable[[Call], Awaitable[Answer]]
_SOONER_MS: Final = 30
_OF_A_CALLER: Final = "authorization"
_PRODUCTS: Final = "product-"


class ResponseCache:
    """Answers of query-service, kept. One event loop."""

    def __init__(self, cache: Cache[Representation], registry: CollectorRegistry) -> None:
        self._cache = cache
        self._answers = Counter(
            "gateway_catalogue_answers_total",
            "Catalogue reads by route and by how the cache had a part in them (fetched: none)",
            ["route", "how"],
            registry=registry,
        )

    def kept(self, call: Call, ask: Ask) -> Response | None:
        """An answer without waiting: fresh, or stale while it is asked for anew. None: `fetch` it."""
        settings = call.route.cache
        if settings is None or wants_its_own(call) or "cache" not in PROTECTIONS.on:
            return None
        hit = self._cache.find(call.cache_key, settings, _fetching(call, ask))
        return None if hit is None else self._respond(call, hit)

    def under_way(self, call: Call) -> bool:
        """Whether the same is being asked for already, so that `fetch` would only wait for it."""
        return call.route.cache is not None and not wants_its_own(call) and self._cache.under_way(call.cache_key)

    def has(self, call: Call) -> bool:
        """Whether `on_error` would have an answer."""
        return self._last_good(call) is not None

    async def fetch(self, call: Call, ask: Ask, until: Deadline, *, hurried: bool = False) -> Representation:
        """What `ask` gives, for a route that is kept. Callers who ask the same at once share it, each waiting for it
        `until` its own time is up. What a `hurried` one does not wait for is kept for the next.

        Raises what `ask` raises, or DeadlineExceeded.
        """
        if "cache" not in PROTECTIONS.on:
            self._cache.clear()  # switched on again it begins empty, so that runs to compare begin alike
            return Representation(await ask(call))
        self._answers.labels(call.route.name, "fetched").inc()
        if not wants_its_own(call):
            if hurried:
                self._cache.begin(call.cache_key, _fetching(call, ask))
            with until.limit(call.route.target):
                return await self._cache.get(call.cache_key, _fetching(call, ask))
        asked_at_s = self._cache.now_s()
        fetched = _fetched(await ask(call))
        self._cache.keep(call.cache_key, fetched, asked_at_s)
        return fetched.value

    def on_error(self, call: Call) -> Response | None:
        """The last good answer, marked, when there is no other."""
        hit = self._last_good(call)
        return None if hit is None else self._respond(call, hit)

    def when_shed(self, call: Call) -> Response | None:
        """A kept answer to a read that there is no room for: it serves better than a 503 and costs no more."""
        settings = call.route.cache
        if settings is None or call.no_cache or "cache" not in PROTECTIONS.on:
            return None
        hit = self._cache.at_hand(call.cache_key, settings)
        return None if hit is None else self._respond(call, hit)

    async def close(self) -> None:
        await self._cache.close()

    def _last_good(self, call: Call) -> Hit[Representation] | None:
        settings = call.route.cache
        if settings is None or "cache" not in PROTECTIONS.on:
            return None
        return self._cache.on_error(call.cache_key, settings)

    def _respond(self, call: Call, hit: Hit[Representation]) -> Response:
        self._answers.labels(call.route.name, hit.how).inc()
        degraded = NO_READ_MODEL if hit.how == "stale-if-error" else hit.value.answer.headers.get("degraded")
        marks = [(b"served-from", b"cache"), (b"age", str(hit.age_s).encode())]
        if degraded is not None:
            marks.append((b"degraded", degraded.encode("latin-1")))
        return hit.value.respond(call, marks)


def wants_its_own(call: Call) -> bool:
    """A token with a product's version asks for what a kept answer may not know; other streams play no part here."""
    return call.no_cache or (call.consistency_token is not None and _PRODUCTS in call.consistency_token)


def _fetching(call: Call, ask: Ask) -> Callable[[], Awaitable[Fetched[Representation]]]:
    """The call as anybody's, with a whole call's time, not with the patience of who came first. It ends a little sooner
    than whoever waits for it, so that its attempts time out, which breakers count, and are not cancelled.
    """

    async def fetch() -> Fetched[Representation]:
        headers = tuple(header for header in call.headers if header[0].lower() != _OF_A_CALLER)
        total_s = call.route.budget.total_s if "deadline" in PROTECTIONS.on else NAIVE_TOTAL_S
        deadline = Deadline.after(total_s).shortened_by(_SOONER_MS)
        return _fetched(await ask(replace(call, headers=headers, consistency_token=None, deadline=deadline)))

    return fetch


def _fetched(answer: Answer) -> Fetched[Representation]:
    """Only a 200 is kept, and not one that says it is behind but not how far."""
    degraded = "degraded" in answer.headers
    known = not degraded or "age" in answer.headers
    age_s = float(age_of(answer)) if answer.status == 200 and known else None
    return Fetched(
        Representation(answer), len(answer.body) * 5 // 4, age_s, degraded
    )  # with its gzip form, mostly a fifth
