"""Every call to Elasticsearch: one attempt, a deadline, a breaker; what cannot be done now is StoreUnavailable."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from elastic_transport import ConnectionTimeout
from elasticsearch import ApiError, AsyncElasticsearch, TransportError
from elasticsearch.serializer import OrjsonSerializer

from holdfast.resilience.deadline import Deadline
from holdfast.resilience.errors import DeadlineExceeded, ResilienceError
from holdfast.resilience.guard import Guard
from holdfast.resilience.outcome import Outcome, errors_are_failures

_LONGEST_S: Final = 60.0
"""Each call has a shorter deadline of its own."""


class StoreUnavailable(Exception):
    """Elasticsearch did not do it now; trying again later is right.

    `timed_out`: it may have been too much at once. `answered`: it lives, but is too busy or lacks the index.
    """

    def __init__(self, reason: str, *, timed_out: bool = False, answered: bool = False) -> None:
        super().__init__(f"elasticsearch: {reason}")
        self.timed_out = timed_out
        self.answered = answered


def classify(error: BaseException) -> Outcome:
    """For the guard: an answer below 500 is a success, one that says "too busy" or "no such index" is neutral."""
    if isinstance(error, StoreUnavailable) and error.answered:
        return Outcome.NEUTRAL
    if isinstance(error, ApiError) and error.status_code < 500:
        return Outcome.SUCCESS
    return errors_are_failures(error)


def connect(url: str) -> AsyncElasticsearch:
    """A client that never repeats a call and never shuns its node (CORRECTNESS 26). Connects at the first call."""
    return AsyncElasticsearch(
        url,
        request_timeout=_LONGEST_S,
        max_retries=0,
        retry_on_timeout=False,
        dead_node_backoff_factor=0,
        max_dead_node_backoff=0,
        connections_per_node=16,
        serializer=OrjsonSerializer(),
    )


class Search:
    """Elasticsearch behind its guard. `timeout_s` is each call's deadline."""

    def __init__(self, client: AsyncElasticsearch, guard: Guard, timeout_s: float) -> None:
        self._client = client
        self._guard = guard
        self._timeout_s = timeout_s

    @asynccontextmanager
    async def call(self) -> AsyncIterator[AsyncElasticsearch]:
        """Around one call. Raises StoreUnavailable; answers 400, 404 and 409 pass as ApiError."""
        try:
            async with self._guard(Deadline.after(self._timeout_s)):
                try:
                    yield self._client
                except ApiError as error:
                    if error.status_code == 429 or error.status_code >= 500:
                        reason = f"{error.status_code} {error.error}"
                        raise StoreUnavailable(reason, answered=error.status_code == 429) from error
                    raise
                except ConnectionTimeout as error:
                    raise StoreUnavailable("no answer in time", timed_out=True) from error
                except TransportError as error:
                    raise StoreUnavailable(error.message) from error
        except DeadlineExceeded as error:
            raise StoreUnavailable("no answer in time", timed_out=True) from error
        except ResilienceError as error:
            raise StoreUnavailable(str(error)) from error
