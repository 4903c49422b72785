"""The read model in Elasticsearch, read through its aliases, guarded by bulkhead, breaker, timeout and deadline."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeVar

from elasticsearch import (
    ApiError,
    AsyncElasticsearch,
    ConnectionTimeout,
    NotFoundError,
    OrjsonSerializer,
    TransportError,
    UnsupportedProductError,
)

from holdfast.contracts.cursors import CursorInvalid
from holdfast.contracts.documents import alias
from holdfast.contracts.messages import Topic
from holdfast.resilience.deadline import Deadline
from holdfast.resilience.errors import DeadlineExceeded, DependencyUnavailable
from holdfast.resilience.guard import Guard
from holdfast.resilience.outcome import Outcome, errors_are_failures
from holdfast.resilience.protections import NAIVE_ATTEMPTS, NAIVE_PAUSE_S, NAIVE_TIMEOUT_S, PROTECTIONS
from query_service.adapters.names import NamedNode

NAME: Final = "elasticsearch"
_CLOCK_IS_OUT_S: Final = 0.4
"""Elasticsearch times searches by a clock that ticks every 200 ms (`thread_pool.estimated_time_interval`), or later.
Given 200 ms, a search is over at the first tick, were it 2 ms old: in a healthy shop 1 of 500 got a 429 for that.
"""
Json = dict[str, Any]
T = TypeVar("T")
SeeAttempt = Callable[[int], None]
"""Hears of every call that is about to go out, and whether it is the first, second or third attempt."""


def connect(url: str, *, timeout_s: float, connections: int) -> AsyncElasticsearch:
    """A client without retries and without dead-node backoff (CORRECTNESS 26); makes no connection yet."""
    # One line a failed call would bury the log in an outage; the watermark watch tells when one begins and ends.
    logging.getLogger("elastic_transport.node_pool").setLevel(logging.ERROR)
    return AsyncElasticsearch(
        url,
        node_class=NamedNode,
        max_retries=0,
        retry_on_timeout=False,
        retry_on_status=(),
        dead_node_backoff_factor=0,
        max_dead_node_backoff=0,
        request_timeout=max(timeout_s, NAIVE_TIMEOUT_S),  # each call keeps to its own
        connections_per_node=connections,
        serializer=OrjsonSerializer(),
        meta_header=False,
    )


_NOT_THE_QUERY: Final = frozenset({401, 403, 407, 408, 429})
"""What Elasticsearch, or a proxy before it, answers for its own reasons: our credentials, a block on the index, a body
that came too slowly, a full queue."""


class QueryRefused(Exception):
    """Elasticsearch works and refuses this search, so what was asked is wrong, whatever passed our own checks."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"this combination of parameters cannot be searched for: {reason}")
        self.reason = reason


def refuses_the_query(error: ApiError) -> bool:
    """Whether an answer of Elasticsearch is about what was asked, not about how Elasticsearch does."""
    if isinstance(error, UnsupportedProductError) or error.status_code in _NOT_THE_QUERY:
        return False
    return 400 <= error.status_code < 500


def judge(error: BaseException) -> Outcome:
    """How an error counts for the breaker: what a caller asked says nothing about Elasticsearch."""
    if isinstance(error, QueryRefused):
        return Outcome.NEUTRAL
    if isinstance(error, NotFoundError) and refuses_the_query(error):
        return Outcome.SUCCESS  # no such alias: Elasticsearch is there and answers for the others
    return errors_are_failures(error)


class ReadIndex:
    """Reads of the four topics' documents.

    Every method raises DependencyUnavailable (no usable answer within `timeout_s` seconds, or no such alias),
    DeadlineExceeded, BulkheadFull or QueryRefused. Documents are plain dicts of the shapes in
    `holdfast.contracts.documents`.
    """

    def __init__(
        self,
        client: AsyncElasticsearch,
        guard: Guard,
        namespace: str,
        *,
        timeout_s: float,
        see_attempt: SeeAttempt = lambda _number: None,
    ) -> None:
        self._client = client
        self._guard = guard
        self._namespace = namespace
        self._contained_s = timeout_s
        self._see_attempt = see_attempt

    async def search(self, topic: Topic, body: Mapping[str, Any], deadline: Deadline) -> Json:
        """The answer to a search; `body` is Elasticsearch's. Sees a write after the next refresh, within 1 s.

        Raises CursorInvalid for a refused search with `search_after`, the only values in it that a caller makes freely.
        """
        # Told to the server too, so that it does not go on with what nobody waits for. Always the same: the body is the
        # key of Elasticsearch's own cache of aggregations. A caller who leaves sooner breaks the connection off.
        bounded = {**body, "timeout": f"{round((self._timeout_s + _CLOCK_IS_OUT_S) * 1000)}ms"}
        try:
            answer = await self._call(
                deadline,
                lambda: self._client.search(
                    index=alias(self._namespace, topic), body=bounded, allow_partial_search_results=False
                ),
            )
        except QueryRefused as error:
            if "search_after" in body:
                raise CursorInvalid("the cursor leads nowhere in this list; begin without a cursor") from error
            raise
        if answer["timed_out"] or answer["_shards"]["failed"]:
            raise self._guard.unavailable()
        return answer

    async def get(self, topic: Topic, document_id: str, deadline: Deadline) -> Json | None:
        """The document as last written (real time), or None."""
        return (await self.get_many(topic, [document_id], deadline)).get(document_id)

    async def get_many(
        self, topic: Topic, ids: Iterable[str], deadline: Deadline, *, fields: Sequence[str] | None = None
    ) -> dict[str, Json]:
        """Id → document as last written (real time), reduced to `fields`; ids without a document are left out."""
        wanted = list(ids)
        if not wanted:
            return {}
        index = alias(self._namespace, topic)
        only = None if fields is None else list(fields)
        answer = await self._call(
            deadline,
            lambda: self._client.mget(index=index, ids=wanted, source_includes=only),
        )
        found: dict[str, Json] = {}
        for document in answer["docs"]:
            if "error" in document:  # the alias is missing, or its shard is not there yet
                raise self._guard.unavailable()
            if document["found"]:
                found[document["_id"]] = document["_source"]
        return found

    @property
    def _timeout_s(self) -> float:
        return self._contained_s if PROTECTIONS.on else NAIVE_TIMEOUT_S

    async def _call(self, deadline: Deadline, ask: Callable[[], Awaitable[Any]]) -> Json:
        """Once, since retries live at the gateway; without retry budgets as often as client libraries do."""
        attempts = 1 if "retry-budget" in PROTECTIONS.on else NAIVE_ATTEMPTS
        for number in range(1, attempts):
            self._see_attempt(number)
            try:
                return await self._attempt(deadline, ask)
            except DependencyUnavailable:
                await asyncio.sleep(NAIVE_PAUSE_S)
        self._see_attempt(attempts)
        return await self._attempt(deadline, ask)

    async def _attempt(self, deadline: Deadline, ask: Callable[[], Awaitable[Any]]) -> Json:
        try:
            async with self._guard(deadline.at_most(self._timeout_s)):
                return await self._ask(ask)
        except DeadlineExceeded as error:
            if deadline.expired:
                raise
            raise self._guard.unavailable("timeout") from error
        except NotFoundError as error:
            # No such alias (a document that is not there is no error here): this topic's reads are away, while to the
            # breaker, which guards all topics, Elasticsearch answered.
            raise self._guard.unavailable() from error

    async def _ask(self, ask: Callable[[], Awaitable[Any]]) -> Json:
        try:
            answer = await ask()
        except ApiError as error:
            if not refuses_the_query(error):
                raise self._guard.unavailable() from error
            if isinstance(error, NotFoundError):
                raise
            raise QueryRefused(str(error.message)) from error
        except TransportError as error:
            raise self._guard.unavailable("timeout" if isinstance(error, ConnectionTimeout) else "failed") from error
        body: Json = answer.body
        return body
