"""The public API as an ASGI application: one request from its line and headers to its answer.

The order is: route → rate of the address or token → authentication → headers, path and query → refusal of what would
be shed now → body → place and deadline → the call. So whatever is refused costs little and holds nothing, and a slow
upload takes no place from other callers.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from fastapi.responses import Response
from pydantic import BaseModel
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.call import Call
from gateway.http.authentication import Authentication
from gateway.http.caller_time import ShareUsedUp
from gateway.http.fields import HeaderFields
from gateway.http.rate_limits import LimitReached, Marks, RateLimits, address_of
from gateway.http.uploads import Uploads
from gateway.http.validation import validated_body, validated_call
from gateway.lookup import RouteTable
from gateway.response_cache import ResponseCache
from gateway.routing import Route
from holdfast.contracts.inputs import InputInvalid
from holdfast.resilience.admission import Admission, Priority, Slot
from holdfast.resilience.deadline import Deadline
from holdfast.resilience.errors import BulkheadFull, Overloaded, ResilienceError
from holdfast.service.bodies import BODY_METHODS
from holdfast.service.context import current, enter
from holdfast.service.middleware import deadline_from
from holdfast.service.problems import Problem, input_problem, problem_response, resilience_problem
from holdfast.service.tokens import Caller

ANSWER_MS: Final = 15  # kept of every deadline, to fall back and answer before the deadline ends the call
_FREE_PAGES: Final = frozenset({"/healthz", "/readyz"})
_DEAR_PAGES: Final = frozenset({"/metrics", "/openapi.json"})  # milliseconds of this process
_MOST_PAUSING: Final = 1_000  # each holds a connection: half of those that a process may have
_SPREAD_S: Final = 2  # clients that were refused together come back in different seconds
_LONGEST_RETRY_AFTER_S: Final = 5
_NO_PAGE: Final = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
_NOT_KEPT: Final = (b"cache-control", b"no-store")  # tokens, carts, orders, addresses: no cache on the way keeps them

Serve = Callable[[Call, BaseModel | None], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A route and the function that answers its calls."""

    route: Route
    serve: Serve


class Edge:
    """Serves the calls of the routing table; every other path is the inner application's. One event loop."""

    def __init__(
        self,
        endpoints: list[Endpoint],
        authentication: Authentication,
        limits: RateLimits,
        admission: Admission,
        uploads: Uploads,
        cache: ResponseCache,
    ) -> None:
        self._table = RouteTable((one.route.method, one.route.path, one) for one in endpoints)
        self._authentication = authentication
        self._limits = limits
        self._admission = admission
        self._uploads = uploads
        self._cache = cache
        self._pausing = 0

    def in_front_of(self, inner: ASGIApp) -> ASGIApp:
        """An application that serves the API here and all else by `inner`."""

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            found = self._table.find(scope["raw_path"]) if scope["type"] == "http" else None
            if found is None:
                await self._serve_page(inner, scope, receive, send)
                return
            response = await self._respond(*found, scope, receive)
            if scope["method"] == "HEAD":
                response.body = b""  # Content-Length is that of the GET (RFC 9110, section 9.3.2)
            await response(scope, receive, send)

        return app

    async def _respond(self, methods: Mapping[str, Endpoint], part: str, scope: Scope, receive: Receive) -> Response:
        """The answer, marked with the rate limit, whatever goes wrong."""
        marks: Marks = []
        endpoint: Endpoint | None = None
        try:
            endpoint = methods.get("GET" if scope["method"] == "HEAD" else scope["method"])
            if endpoint is None:
                self._limits.take_call(address_of(scope), None)
                raise _not_allowed(scope["method"], methods)
            scope["route"] = endpoint.route  # for the metrics
            fields = HeaderFields(scope["headers"])
            caller, token, marks = self._identify(endpoint.route, scope, fields)
            self._authentication.authorize(endpoint.route, caller)
            call = validated_call(endpoint.route, part, scope, fields, caller, token, current())
            response = await self._answer(endpoint, call, fields, scope, receive)
        except (Problem, InputInvalid, ResilienceError) as error:
            await self._pause(error)
            response = problem_response(_problem(error), scope["path"])
            if marks and response.status_code == 429:
                marks = []  # the limit that was reached is the one to tell
        response.raw_headers += [*marks, _NO_PAGE]
        if response.status_code >= 400 or endpoint is None or endpoint.route.cache is None:
            response.raw_headers.append(_NOT_KEPT)
        return response

    def _identify(self, route: Route, scope: Scope, fields: HeaderFields) -> tuple[Caller | None, str | None, Marks]:
        """The caller, its verified token and the marks of the rate limit that counted the call. Raises Problem."""
        address = address_of(scope)
        try:
            caller, token = self._authentication.identify(route, fields.get(b"authorization"))
        except Problem:
            self._limits.take_call(address, None)
            raise
        if route.key == "ignored" and token is None:  # a call with a token that opens a guest's session counts later
            return caller, token, self._limits.take_session(address)
        return caller, token, self._limits.take_call(address, token)

    async def _answer(
        self, endpoint: Endpoint, call: Call, fields: HeaderFields, scope: Scope, receive: Receive
    ) -> Response:
        """The body, then the deadline and a place, then the endpoint's answer."""
        route = endpoint.route
        priority = route.priority
        if call.caller is None and priority is not None:
            priority = Priority.ANONYMOUS
        body: BaseModel | None = None
        if route.method in BODY_METHODS:
            if priority is not None:
                self._admission.require(priority)
            call.body = await self._uploads.read(Headers(scope=scope), receive)
            body = validated_body(route, call.body)
        deadline = deadline_from(fields.get(b"x-request-timeout-ms"), Deadline.after(route.budget.total_s))
        enter(current().with_deadline(deadline))
        call.deadline = deadline.shortened_by(ANSWER_MS)
        with deadline.limit():
            if priority is None:
                return await endpoint.serve(call, body)
            try:
                async with self._admission.slot(priority, route.budget.total_s) as slot:
                    slot.judged = _tells_of_the_load(call, fields)
                    return await _serve(endpoint, call, body, slot)
            except (Overloaded, BulkheadFull):
                kept = self._cache.when_shed(call)
                if kept is None:
                    raise
                return kept

    async def _pause(self, error: Exception) -> None:
        """Hold the refusal of a caller back that goes on calling over its limit; only so many at once."""
        if isinstance(error, LimitReached | ShareUsedUp) and error.pause_s > 0 and self._pausing < _MOST_PAUSING:
            self._pausing += 1
            try:
                await asyncio.sleep(error.pause_s)
            finally:
                self._pausing -= 1

    def _count_page(self, path: str, address: str) -> None:
        if path in _DEAR_PAGES:
            self._limits.take_service_call(address)
        elif path not in _FREE_PAGES:
            self._limits.take_call(address, None)

    async def _serve_page(self, inner: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        """Health, metrics, documentation: counted at the address, for some cost more than a call; HEAD as GET."""
        if scope["type"] == "http":
            path = scope["path"]
            try:
                self._count_page(path, address_of(scope))
            except LimitReached as error:
                await self._pause(error)
                raise
            if path.endswith("\n"):  # for Starlette it would be the page without, for the limits above it is not
                raise Problem(404, "not-found", "there is nothing here")
            if scope["method"] == "HEAD":
                await inner({**scope, "method": "GET"}, receive, _without_body(send))
                return
        await inner(scope, receive, send)


async def _serve(endpoint: Endpoint, call: Call, body: BaseModel | None, slot: Slot) -> Response:
    """The endpoint's answer. What is refused says nothing about the load."""
    try:
        response = await endpoint.serve(call, body)
    except Problem as problem:
        slot.judged = slot.judged and problem.status >= 500
        raise
    slot.judged = slot.judged and not 400 <= response.status_code < 500
    return response


def _tells_of_the_load(call: Call, fields: HeaderFields) -> bool:
    """Whether the time of the call says how busy the shop is: not where its caller decides how long it takes."""
    waits = call.consistency_token is not None and call.route.waits_for_tokens
    return call.route.budget.policy.slow_after_s is not None and not waits and b"x-request-timeout-ms" not in fields


def _not_allowed(method: str, methods: Mapping[str, Endpoint]) -> Problem:
    allowed = ", ".join(sorted({*methods, "HEAD"} if "GET" in methods else methods))
    detail = f"{allowed} can be asked here, not {method[:20]}"
    return Problem(405, "method-not-allowed", detail, headers={"Allow": allowed})


def _problem(error: Problem | InputInvalid | ResilienceError) -> Problem:
    if isinstance(error, InputInvalid):
        return input_problem(error)
    problem = error if isinstance(error, Problem) else resilience_problem(error, edge=True)
    if problem is None:
        raise error
    wait = problem.headers.get("Retry-After")
    if wait is not None and problem.status in (429, 503, 504):
        longest_s = max(int(wait), min(_LONGEST_RETRY_AFTER_S, int(wait) + _SPREAD_S))
        problem.headers["Retry-After"] = str(random.randint(int(wait), longest_s))
    return problem


def _without_body(send: Send) -> Send:
    async def head(message: Message) -> None:
        await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

    return head
