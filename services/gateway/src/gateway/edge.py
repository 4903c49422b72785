"""One public call as a FastAPI route: documented from the routing table, and served without FastAPI's own parsing.

The table's models do both, so that /openapi.json says what is accepted; skipping dependencies and response models keeps
the hot path to what a pass-through needs.
"""

import secrets
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Final

from fastapi import Request
from fastapi.responses import Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError
from starlette.types import Receive, Scope, Send

from gateway.admission import Doorman, Rates
from gateway.call import Call, Header
from gateway.documented import endpoint_of, extra_of, responses_of
from gateway.routing import PARTS, KeyRule, Route
from holdfast.contracts.consistency import ConsistencyTokenInvalid, decode_consistency
from holdfast.contracts.inputs import (
    InputInvalid,
    parse_idempotency_key,
    parse_if_match,
    require_plain_json,
    wants_no_cache,
)
from holdfast.contracts.query_parameters import canonical_query, parse_query
from holdfast.resilience.errors import ResilienceError
from holdfast.service.context import current
from holdfast.service.problems import (
    Problem,
    input_problem,
    problem_response,
    resilience_problem,
    validation_problem,
)

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
        except (Problem, InputInvalid, ResilienceError) as error:
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
        wanted = _consistency_token(request) if route.reads else None
        query = canonical_query(parse_query(route.query, request.scope["query_string"]))
        body = _checked_body(route, raw)
        deadline = current().deadline.shortened_by(ANSWER_MS)  # the middleware has made it the route's total or less
        no_cache = route.cache is not None and wants_no_cache(request.headers.getlist("cache-control"))
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
    key = _idempotency_key(request, route.key)
    if key is not None:
        headers.append(("Idempotency-Key", key))
    condition = parse_if_match(request.headers.getlist("if-match")) if route.conditional else None
    if condition is not None:
        headers.append(("If-Match", str(condition)))
    return tuple(headers)


def _idempotency_key(request: Request, rule: KeyRule) -> str | None:
    """The key to forward: the caller's, or a new one of 32 hex digits, so that the gateway may repeat any command
    (CORRECTNESS 1). None where keys are ignored (CORRECTNESS 4).

    Raises Problem 400 `idempotency-key-missing`, and InputInvalid.
    """
    if rule == "ignored":
        return None
    key = parse_idempotency_key(request.headers.getlist("idempotency-key"))
    if key is None and rule == "required":
        raise Problem(400, "idempotency-key-missing", "this call needs an Idempotency-Key header")
    return key or secrets.token_hex(16)


def _consistency_token(request: Request) -> str | None:
    """The tokens of all Consistency-Token lines as one list, None without any.

    Raises Problem 400 `consistency-token-invalid`.
    """
    values = request.headers.getlist("consistency-token")
    if not values:
        return None
    try:
        return ", ".join(values) if decode_consistency(values) else None
    except ConsistencyTokenInvalid as error:
        raise Problem(400, "consistency-token-invalid", error.reason) from error


def _checked_body(route: Route, raw: bytes) -> BaseModel | None:
    """Raises Problem 400 `malformed` and 422 `invalid`, and InputInvalid."""
    if route.body is None:
        return None
    require_plain_json(raw)
    try:
        return route.body.model_validate_json(raw)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        raise validation_problem([{**one, "loc": ("body", *one["loc"])} for one in found[:20]]) from error


def _problem(error: Problem | InputInvalid | ResilienceError) -> Problem:
    if isinstance(error, Problem):
        return error
    if isinstance(error, InputInvalid):
        return input_problem(error)
    problem = resilience_problem(error, edge=True)
    if problem is None:
        raise error
    return problem
