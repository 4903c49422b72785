"""Passes a call on to the service that answers it, and through the fallbacks of ARCHITECTURE.md's matrix.

Bytes go through as they are: what the edge has validated is not parsed again, and answers are not checked.
"""

import math
from collections.abc import Mapping
from typing import Final

from fastapi.responses import Response
from prometheus_client import CollectorRegistry, Counter

from gateway.answers import LAGGING, NO_READ_MODEL, WRITE_MODEL, failure_of, passed_through, represented
from gateway.call import Call
from gateway.http.service_places import ServicePlaces
from gateway.representation import Representation
from gateway.response_cache import ResponseCache, wants_its_own
from gateway.routing import Lane, Route
from holdfast.contracts.consistency import HEADER as CONSISTENCY_TOKEN
from holdfast.resilience.bulkhead import Bulkhead
from holdfast.resilience.client import OutboundClient
from holdfast.resilience.deadline import Deadline
from holdfast.resilience.errors import ResilienceError
from holdfast.resilience.protections import PROTECTIONS
from holdfast.resilience.wire import Answer
from holdfast.service.problems import Problem
from holdfast.service.service_gate import CHALLENGE

BEHIND: Final = 425  # query-service: the version of the token is not there in time (INTERNALS)
RESERVE_S: Final = 0.25  # kept of a read's time for the service that it falls back to: one attempt there
RESERVE_SHARE: Final = 0.35  # but at most this much of what is left, when the caller's deadline is short
SLOW_PACE_S: Final = 0.04  # a service none of whose replicas answered all of its latest probes sooner is slow
HURRY_S: Final = 0.05  # how long a read waits for a slow service, when another place can answer it


class Forwarder:
    """Forwards calls. One event loop; no call changes another's state."""

    def __init__(
        self,
        query: OutboundClient,
        command: OutboundClient,
        lanes: Mapping[Lane, Bulkhead],
        cache: ResponseCache,
        places: ServicePlaces,
        registry: CollectorRegistry,
    ) -> None:
        self._query = query
        self._command = command
        self._lanes = lanes
        self._cache = cache
        self._places = places
        self._fallbacks = Counter(
            "gateway_fallbacks_total",
            "Answers from another place than the route's own, by route and place",
            ["route", "place"],
            registry=registry,
        )

    async def forward(self, call: Call) -> Response:
        """The answer to the caller. Raises ResilienceError or Problem when nothing can answer."""
        if call.route.target == "query-service":
            kept = self._cache.kept(call, self._ask_first)
            return await self._read(call) if kept is None else kept
        return passed_through(await self.ask_command(call))

    async def ask_command(self, call: Call) -> Answer:
        """command-service's answer, any status under 500. Raises ResilienceError, or Problem for a 5xx or a 429."""
        async with self._places.place(call) as place:
            answer = await self._ask_command(call)
            place.note(answer.status)
            return answer

    async def _ask_command(self, call: Call) -> Answer:
        lane = Lane.READS if call.route.reads else call.route.lane
        self._command.require(call.route.group)  # nobody there: say so before waiting for a place
        async with self._lanes[lane].slot(call.deadline):
            answer = await self._ask(self._command, call, call.deadline, call.consistency_token)
        return _good(answer, self._command.name)

    async def _read(self, call: Call) -> Response:
        if self._cache.under_way(call):
            return await self._read_from_services(call)  # joining costs the services nothing
        async with self._places.place(call) as place:
            response = await self._read_from_services(call)
            place.note(response.status_code)
            return response

    async def _read_from_services(self, call: Call) -> Response:
        if self._hurries(call):
            try:
                return await self._read_until(call, call.deadline.at_most(HURRY_S), hurried=True)
            except (ResilienceError, Problem):
                pass  # who should answer in its place did not: it is worth the wait
        return await self._read_until(call, self._leaving_a_reserve(call))

    async def _read_until(self, call: Call, until: Deadline, *, hurried: bool = False) -> Response:
        """query-service's answer, `until` its time is up, else what there is in its place."""
        shared: Representation | None = None
        try:
            if call.route.cache is None:
                answer = await self._ask_query(call, call.consistency_token, until)
            else:
                shared = await self._cache.fetch(call, self._ask_first, until, hurried=hurried)
                answer = shared.answer
        except (ResilienceError, Problem) as error:
            return await self._read_without_read_model(call, error)
        if answer.status == BEHIND:
            return await self._read_behind(call)
        return passed_through(answer) if shared is None else represented(call, shared)

    async def _read_without_read_model(self, call: Call, failure: Exception) -> Response:
        """query-service is away: the write model, else the last good answer, else the failure."""
        if _has_write_model(call.route):
            try:
                answer = await self._ask_command(call)
            except (ResilienceError, Problem):
                pass  # what the caller is told is why query-service could not answer
            else:
                self._fell_back(call, WRITE_MODEL)
                return _from_write_model(call, answer, degraded=NO_READ_MODEL)
        kept = self._cache.on_error(call)
        if kept is None:
            raise failure
        self._fell_back(call, "cache")
        return kept

    async def _read_behind(self, call: Call) -> Response:
        """query-service answers, but not yet with what the token asks for (CORRECTNESS 22)."""
        if _has_write_model(call.route):
            try:
                answer = await self._ask_command(call)
            except (ResilienceError, Problem):
                pass  # the read model without the token is better than nothing
            else:
                self._fell_back(call, WRITE_MODEL)
                return _from_write_model(call, answer, degraded=None)
        answer = await self._ask_query(call, None, call.deadline)
        if answer.status == BEHIND:  # it has no version to wait for: not an answer that a caller could use
            raise failure_of(answer, self._query.name)
        self._fell_back(call, LAGGING)
        return passed_through(answer, degraded=LAGGING)

    def _hurries(self, call: Call) -> bool:
        """Whether query-service is slow, all of it, and what would answer in its place is not (ADR 17)."""
        slow = SLOW_PACE_S <= self._query.replicas.pace_s < math.inf  # infinite: there is nobody to wait for
        if not slow or wants_its_own(call):
            return False
        if _has_write_model(call.route):
            return self._command.replicas.pace_s < SLOW_PACE_S
        return self._cache.has(call)

    async def _ask_first(self, call: Call) -> Answer:
        return await self._ask_query(call, call.consistency_token, self._leaving_a_reserve(call))

    def _leaving_a_reserve(self, call: Call) -> Deadline:
        if not _has_write_model(call.route):
            return call.deadline
        return call.deadline.shortened_by(1000 * min(RESERVE_S, RESERVE_SHARE * call.deadline.remaining_s()))

    async def _ask_query(self, call: Call, token: str | None, deadline: Deadline) -> Answer:
        return _good(await self._ask(self._query, call, deadline, token), self._query.name)

    async def _ask(self, client: OutboundClient, call: Call, deadline: Deadline, token: str | None) -> Answer:
        headers = call.headers if token is None else (*call.headers, (CONSISTENCY_TOKEN, token))
        budget = call.route.budget
        waits = token is not None and call.route.waits_for_tokens and client is self._query
        return await client.request(
            call.route.method,
            call.path,
            query=call.query,
            headers=headers,
            content=call.body,
            deadline=deadline,
            policy=budget.with_token if waits and budget.with_token else budget.policy,
            group=call.route.group,
        )

    def _fell_back(self, call: Call, place: str) -> None:
        self._fallbacks.labels(call.route.name, place).inc()


def _has_write_model(route: Route) -> bool:
    return route.fallback.write_model and "fallback" in PROTECTIONS.on


def _from_write_model(call: Call, answer: Answer, *, degraded: str | None) -> Response:
    if call.route.cache is None:
        return passed_through(answer, degraded=degraded, served_from=WRITE_MODEL)
    return represented(call, Representation(answer), degraded=degraded, served_from=WRITE_MODEL)


def _good(answer: Answer, service: str) -> Answer:
    if answer.status >= 500 or answer.headers.get("www-authenticate") == CHALLENGE:
        raise failure_of(answer, service)  # the last one refused this gateway, not the caller
    return answer
