"""One public call as a FastAPI route: documented from the routing table, and served without FastAPI's own parsing.

The table's models do both, so that /openapi.json says what is accepted; skipping dependencies and response models keeps
the hot path to what a pass-through needs.
"""

from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl

from fastapi import Request
from fastapi.responses import Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError
from starlette.types import Receive, Scope, Send

from gateway.admission import Doorman, Rates
from gateway.call import Call, Header
from gateway.documented import endpoint_of, extra_of, responses_of
from gateway.requestheaders import consistency_token, expected_version, idempotency_key, wants_no_cache
from gateway.routing import PARTS, Route
from holdfast.resilience.errors import ResilienceError
from holdfast.service.context import current
from holdfast.service.problems import Problem, problem_response, resilience_problem, validation_problem

ANSWER_MS: Final = 15  # kept of every deadline, to fall back and answer before the middleware ends the request
Serve = Callable[[Call, BaseModel | None], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Edge:
    """What every route asks before it serves."""

    doorman: Doorman
    rates: Rates


class PublicRoute(APIRoute):
    """Admission, validation, then `serve(call, body)`. Errors become problems; marks of the rate limit go on all.

    `methods` are those of all calls at this path, for the 405 that a call with another one gets.
    """

    def __init__(self, route: Route, edge: Edge, serve: Serve, methods: Collection[str]) -> None:
        self._route = route
        self._edge = edge
        self._serve = serve
        self._allow = ", ".join(sorted(methods))
        super().__init__(
            route.path,
            endpoint_of(route),
            methods=[route.method],
            name=route.name,
            operation_id=route.name,
            summary=route.summary,
            tags=[route.tag],
            status_code=route.status,
            response_model=route.answer,
            responses=responses_of(route),
            openapi_extra=extra_of(route),
        )

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        return self._handle

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Starlette would name this route's own method alone, though another call may have the same path.
        if scope["method"] not in (self.methods or ()):
            detail = f"{self._allow} can be asked here, not {scope['method'][:20]}"
            raise Problem(405, "method-not-allowed", detail, headers={"Allow": self._allow})
        await super().handle(scope, receive, send)

    async def _handle(self, request: Request) -> Response:
        marks: Mapping[str, str] = {}
        try:
            caller, token = self._edge.doorman.identify(self._route, request)
            marks = self._edge.rates.take(self._route, request, token)  # first, so that refusals count too
            self._edge.doorman.admit(self._route, caller)
            call, body = await self._read(request, token)
            response = await self._serve(call, body)
        except (Problem, ResilienceError) as error:
            response = problem_response(_problem(error), request.scope["path"])
        for name, value in marks.items():
            response.headers[name] = value
        return response

    async def _read(self, request: Request, token: str | None) -> tuple[Call, BaseModel | None]:
        """The validated request. Raises Problem."""
        route = self._route
        path = _checked_path(route, request)
        raw = b"" if route.body is None else await request.body()
        headers = _forwarded(route, request, token)
        wanted = consistency_token(request.headers) if route.reads else None
        query = _checked_query(route, request.scope["query_string"])
        body = _checked_body(route, raw)
        deadline = current().deadline.shortened_by(ANSWER_MS)  # the middleware has made it the route's total or less
        no_cache = route.cache is not None and wants_no_cache(request.headers)
        return Call(route, path, query, headers, deadline, wanted, raw, no_cache), body


def _checked_path(route: Route, request: Request) -> str:
    """The path to forward, plain ASCII. Raises Problem 404 for a part that cannot name anything."""
    if route.any_part:
        raw: bytes = request.scope["raw_path"]
        return raw.decode("latin-1")
    for name, value in request.path_params.items():
        part = PARTS[name]
        if not part.matches(value):
            raise Problem(404, part.unknown, f"{value[:80]!r} cannot be the {name} of anything")
    path: str = request.scope["path"]
    return path


def _forwarded(route: Route, request: Request, token: str | None) -> tuple[Header, ...]:
    context = current()
    headers = [("X-Request-Id", context.request_id), ("traceparent", context.traceparent)]
    if token is not None:
        headers.append(("Authorization", f"Bearer {token}"))
    if route.reads:
        return tuple(headers)
    if route.body is not None:
        headers.append(("Content-Type", "application/json"))
    key = idempotency_key(request.headers, route.key)
    if key is not None:
        headers.append(("Idempotency-Key", key))
    version = expected_version(request.headers) if route.conditional else None
    if version is not None:
        headers.append(("If-Match", version))
    return tuple(headers)


def _checked_query(route: Route, raw: bytes) -> str:
    """The query string as it came. Raises Problem 422 for a parameter that is unknown, repeated or wrong."""
    if not raw:
        return ""
    query = raw.decode("latin-1")
    pairs = parse_qsl(query, keep_blank_values=True)
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise Problem(422, "invalid", f"?{twice[:80]} is given twice", errors=[(f"?{twice[:80]}", "is given twice")])
    try:
        route.query.model_validate({name: value for name, value in found.items() if value})
    except ValidationError as error:
        raise _invalid(error, "query") from error
    return query


def _checked_body(route: Route, raw: bytes) -> BaseModel | None:
    """Raises Problem 400 `malformed` and 422 `invalid`."""
    if route.body is None:
        return None
    try:
        return route.body.model_validate_json(raw)
    except ValidationError as error:
        raise _invalid(error, "body") from error


def _invalid(error: ValidationError, where: str) -> Problem:
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return validation_problem([{**one, "loc": (where, *one["loc"])} for one in found[:20]])


def _problem(error: Problem | ResilienceError) -> Problem:
    if isinstance(error, Problem):
        return error
    problem = resilience_problem(error, edge=True)
    if problem is None:
        raise error
    return problem
