"""What OpenAPI says of a route: its parameters, every status that it can answer, and their headers."""

import inspect
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Final

from fastapi import Body, Path, Query

from gateway.routing import CALLERS, PARTS, Route
from holdfast.contracts.consistency import PATTERN
from holdfast.contracts.query_parameters import NoParameters

_REF: Final = "#/components/{}/{}"
PROBLEM: Final = "ProblemBody"
SECURITY: Final = "bearer"

REQUEST_HEADERS: Final[dict[str, dict[str, Any]]] = {
    "X-Request-Timeout-Ms": {
        "description": "the time that the caller still has; it only shortens the deadline",
        "schema": {"type": "integer", "minimum": 1, "maximum": 60_000},
    },
    "Idempotency-Key": {
        "description": "the same key does the command once, however often it is sent within 24 h",
        "schema": {"type": "string", "pattern": "^[\\x21-\\x7e]{1,255}$"},
    },
    "If-Match": {
        "description": "the command applies only to this version; `*`: to any that exists",
        "schema": {"type": "string", "pattern": '^("(0|[1-9][0-9]{0,14})"|[*])$'},
        "example": '"3"',
    },
    "Consistency-Token": {
        "description": "at least these versions, as a command's answer gave them: `stream@version`, comma-separated",
        "schema": {"type": "string", "pattern": PATTERN},
    },
    "If-None-Match": {
        "description": "entity tags: 304 without a body if the answer still has one of them",
        "schema": {"type": "string"},
        "example": 'W/"0123456789abcdef01234567"',
    },
    "Cache-Control": {
        "description": "`no-cache` asks for an answer that the gateway has not kept",
        "schema": {"type": "string"},
        "example": "no-cache",
    },
}
ANSWER_HEADERS: Final[dict[str, dict[str, Any]]] = {
    "X-Request-Id": {"description": "in every log line of this request", "schema": {"type": "string"}},
    "traceparent": {"description": "W3C trace context", "schema": {"type": "string"}},
    "Retry-After": {
        "description": "whole seconds to wait before trying again: 1 to 5, after wrong passwords up to 900",
        "schema": {"type": "integer", "minimum": 1, "maximum": 900},
    },
    "RateLimit": {"description": 'what is left of the limit: `"default";r=299;t=1`', "schema": {"type": "string"}},
    "RateLimit-Policy": {"description": 'the limit: `"default";q=300;w=3`', "schema": {"type": "string"}},
    "WWW-Authenticate": {"description": "`Bearer`", "schema": {"type": "string"}},
    "Served-From": {
        "description": "who had the answer",
        "schema": {"type": "string", "enum": ["read-model", "write-model", "cache"]},
    },
    "Degraded": {"description": "why the answer is less than usual", "schema": {"type": "string"}},
    "Age": {"description": "the answer's age in seconds", "schema": {"type": "integer", "minimum": 0}},
    "ETag": {"description": "a weak entity tag of the body, for If-None-Match", "schema": {"type": "string"}},
    "Vary": {"description": "`accept-encoding`: a body over 1 KiB is gzip where asked", "schema": {"type": "string"}},
    "Consistency-Token": {"description": "send it back on a read to see this change", "schema": {"type": "string"}},
    "Idempotency-Replayed": {
        "description": "this is the stored answer of the first call with this key",
        "schema": {"type": "string", "enum": ["true"]},
    },
}
_COMMON: Final[dict[int, tuple[str, ...]]] = {
    401: ("unauthenticated",),
    403: ("forbidden",),
    408: ("request-timeout",),
    413: ("body-too-large",),
    415: ("unsupported-media-type",),
    414: ("target-too-long",),
    422: ("invalid",),
    429: ("rate-limited",),
    431: ("headers-too-large",),
    503: ("dependency-unavailable", "overloaded", "bulkhead-full"),
    504: ("deadline-exceeded",),
}
SHARED: Final = {
    401: "Unauthenticated",
    403: "Forbidden",
    408: "RequestTimeout",
    413: "BodyTooLarge",
    414: "TargetTooLong",
    415: "UnsupportedMediaType",
    429: "RateLimited",
    431: "HeadersTooLarge",
    503: "Unavailable",
    504: "DeadlineExceeded",
}
_ALWAYS: Final = ("X-Request-Id", "traceparent", "RateLimit", "RateLimit-Policy")
_ON_READS: Final = ("Served-From", "Degraded", "Age")
_ON_CATALOGUE_READS: Final = ("ETag", "Vary")
_ON_COMMANDS: Final = ("Consistency-Token", "Idempotency-Replayed")


def endpoint_of(route: Route) -> Callable[..., None]:
    """A function that FastAPI never calls: its signature is what OpenAPI shows of path, query and body."""

    def documented() -> None:
        raise AssertionError("PublicRoute serves the call itself")

    parameters: dict[str, Any] = {}
    if route.part is not None:
        part = PARTS[route.part]
        pattern = None if route.any_part else part.pattern
        parameters[route.part] = Annotated[str, Path(pattern=pattern, description=part.description)]
    if route.query is not NoParameters:
        parameters["query"] = Annotated[route.query, Query()]
    if route.body is not None:
        parameters["body"] = Annotated[route.body, Body()]
    signature = inspect.Signature(
        [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=kind) for name, kind in parameters.items()]
    )
    documented.__name__ = route.name
    documented.__signature__ = signature  # type: ignore[attr-defined]  # inspect honours it on any function
    return documented


def extra_of(route: Route) -> dict[str, Any]:
    """The operation's headers and security."""
    names = ["X-Request-Timeout-Ms"]
    if route.reads:
        names += (
            ["Consistency-Token"] if route.cache is None else ["Consistency-Token", "Cache-Control", "If-None-Match"]
        )
    elif route.key != "ignored":
        names += ["Idempotency-Key"]
    if route.conditional:
        names += ["If-Match"]
    parameters = [
        {"name": name, "in": "header", "required": name == "Idempotency-Key" and route.key == "required"}
        | REQUEST_HEADERS[name]
        for name in names
    ]
    required: list[dict[str, list[str]]] = [{SECURITY: []}]
    shared = {str(status): {"$ref": _REF.format("responses", name)} for status, name in _shared(route).items()}
    if route.reads and route.target == "query-service" and not route.waits_for_tokens:
        token = next(parameter for parameter in parameters if parameter["name"] == "Consistency-Token")
        token["description"] = "checked and else ignored: this answer may be about 2 s behind"
    return {
        "parameters": parameters,
        "security": required if route.callers else [{}, *required],
        "responses": shared,
    }


def responses_of(route: Route) -> dict[int | str, dict[str, Any]]:
    """Every status with its answer's model or problem codes, and its headers."""
    found: dict[int | str, dict[str, Any]] = {route.status: {"headers": _headers(route, route.status)}}
    if route.cache is not None:
        found[304] = {"description": "Not Modified", "headers": _headers(route, 304)}
    for status, model in route.also.items():
        found[status] = {"model": model, "description": "Accepted", "headers": _headers(route, status)}
    for status, codes in sorted(problem_codes(route).items()):
        if status not in _shared(route):
            found[status] = _problem_response(codes, _headers(route, status))
    return found


def shared_responses() -> dict[str, dict[str, Any]]:
    """The problems that are the same on every call that has them, by name."""
    headers = {
        401: ("WWW-Authenticate",), 408: (), 403: (), 413: (), 414: (), 415: (),
        429: ("Retry-After",), 431: (), 503: ("Retry-After",), 504: ("Retry-After",),
    }  # fmt: skip
    return {
        name: _problem_response(_COMMON[status], _refs((*_ALWAYS, *headers[status]))) for status, name in SHARED.items()
    }


def _shared(route: Route) -> dict[int, str]:
    """Which of the route's problems are the shared ones."""
    codes = problem_codes(route)
    return {status: name for status, name in SHARED.items() if codes.get(status) == _COMMON[status]}


def _problem_response(codes: Sequence[str], headers: dict[str, dict[str, str]]) -> dict[str, Any]:
    return {
        "description": ", ".join(f"`{code}`" for code in codes),
        "content": {"application/problem+json": {"schema": {"$ref": _REF.format("schemas", PROBLEM)}}},
        "headers": headers,
    }


def problem_codes(route: Route) -> dict[int, tuple[str, ...]]:
    """Each error status and the codes that it can come with."""
    here = [414, 422, 429, 431, 503, 504]
    if route.key != "ignored":
        here.append(401)
    if route.callers and route.callers != CALLERS:
        here.append(403)
    if not route.reads:
        here += [408, 413, 415]
    codes = {status: list(_COMMON[status]) for status in here}
    if route.reads:
        codes[400] = ["consistency-token-invalid"]
    if route.body is not None:
        codes[400] = ["malformed"]
    for status, own in route.codes.items():
        codes.setdefault(status, []).extend(own)
    return {status: tuple(found) for status, found in codes.items()}


def _headers(route: Route, status: int) -> dict[str, dict[str, str]]:
    names = list(_ALWAYS)
    if status < 400:
        names += _ON_READS if route.reads else _ON_COMMANDS
        names += _ON_CATALOGUE_READS if route.cache is not None else ()
    if status == 409:
        names.append("Retry-After")
    return _refs(names)


def _refs(names: Sequence[str]) -> dict[str, dict[str, str]]:
    return {name: {"$ref": _REF.format("headers", name)} for name in names}
