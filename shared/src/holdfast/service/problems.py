"""Errors as application/problem+json (RFC 9457), and the one place where they become answers."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from holdfast.contracts.inputs import InputInvalid
from holdfast.resilience.errors import (
    BulkheadFull,
    DeadlineExceeded,
    DependencyUnavailable,
    Overloaded,
    RateLimited,
    Unsendable,
)
from holdfast.service.context import current_or_none

MEDIA_TYPE: Final = "application/problem+json"
_PATH_SAFE: Final = "/:@!$&'()*+,;="  # RFC 3986: what a path may hold beside letters, digits and -._~
TITLES: Final[Mapping[str, str]] = {
    "malformed": "The body is not JSON",
    "unauthenticated": "A valid token is needed",
    "forbidden": "Not allowed for this role",
    "not-found": "There is nothing here",
    "method-not-allowed": "This method is not allowed here",
    "body-too-large": "The body is too large",
    "unsupported-media-type": "The body has to be application/json",
    "target-too-long": "The path and query are too long",
    "headers-too-large": "The headers are too large",
    "method-unknown": "This method does not exist here",
    "request-timeout": "The request did not arrive in time",
    "invalid": "The request is not valid",
    "dependency-unavailable": "A part of the shop is away",
    "bulkhead-full": "Too many requests at once",
    "overloaded": "More than the shop can answer now",
    "deadline-exceeded": "The time for the answer is over",
    "rate-limited": "Too many requests",
    "internal": "Something went wrong here",
}


class Problem(Exception):
    """An answer that is a problem.

    `code` is a stable word of API.md, `extra` further members of the body (`lines`, `total_amount`, `order_id`),
    `errors` pairs of JSON pointer and detail, `headers` such as Retry-After.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        title: str | None = None,
        errors: Sequence[tuple[str, str]] = (),
        extra: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.title = title or TITLES.get(code) or code.replace("-", " ").capitalize()
        self.errors = tuple(errors)
        self.extra = dict(extra or {})
        self.headers = dict(headers or {})


def problem_body(problem: Problem, path: str) -> bytes:
    """The problem as JSON bytes; `path`, decoded as it is, becomes `instance`, a URI reference."""
    context = current_or_none()
    body: dict[str, Any] = {
        "type": f"urn:holdfast:problem:{problem.code}",
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
        "instance": quote(path, safe=_PATH_SAFE),
        "code": problem.code,
        "request_id": context.request_id if context else "",
    }
    if problem.errors:
        body["errors"] = [{"pointer": pointer, "detail": detail} for pointer, detail in problem.errors]
    return orjson.dumps(body | problem.extra)


def problem_response(problem: Problem, path: str) -> Response:
    """The problem as an answer."""
    return Response(problem_body(problem, path), problem.status, problem.headers, MEDIA_TYPE)


def resilience_problem(error: Exception, *, edge: bool) -> Problem | None:
    """The answer for a protection's refusal, or None for any other error.

    An internal service (`edge` false) leaves Retry-After out when its dependency is away: to the gateway's breaker
    that is a failure, while a 503 with Retry-After is a local refusal and neutral (INTERNALS).
    """
    match error:
        case DeadlineExceeded():
            return Problem(504, "deadline-exceeded", str(error), headers={"Retry-After": "1"})
        case DependencyUnavailable():
            headers = {"Retry-After": str(error.retry_after_s)} if edge else {}
            return Problem(503, "dependency-unavailable", str(error), headers=headers)
        case Unsendable():
            return Problem(422, "invalid", str(error))
        case BulkheadFull():
            return Problem(503, "bulkhead-full", str(error), headers={"Retry-After": str(error.retry_after_s)})
        case Overloaded():
            return Problem(503, "overloaded", str(error), headers={"Retry-After": str(error.retry_after_s)})
        case RateLimited():
            return Problem(429, "rate-limited", str(error), headers={"Retry-After": str(error.retry_after_s)})
    return None


def input_problem(error: InputInvalid) -> Problem:
    """The answer for what a parser of `holdfast.contracts` refused."""
    return Problem(error.status, error.code, str(error), errors=error.errors)


def validation_problem(errors: Sequence[Mapping[str, Any]]) -> Problem:
    """Pydantic's errors as 422 `invalid`, or 400 `malformed` when the body is no JSON at all.

    A field of the body is named by its JSON pointer, a query parameter as `?name`, a header or path part by its name.
    """
    if any(error["type"] == "json_invalid" for error in errors):
        return Problem(400, "malformed", "the body is not valid JSON")
    found = [(_pointer(error["loc"]), _plain(str(error["msg"]))) for error in errors]
    detail = "; ".join(f"{pointer or 'body'}: {message}" for pointer, message in found[:3])
    return Problem(422, "invalid", detail, errors=found)


def _pointer(loc: Sequence[str | int]) -> str:
    where, *path = loc
    if where == "query":
        return "?" + ".".join(map(str, path))
    if where == "body":
        return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in path)
    return ".".join(map(str, path))


def _plain(message: str) -> str:
    return message.encode("utf-8", "replace").decode()


def http_problem(error: HTTPException) -> Problem:
    """Starlette's and FastAPI's own refusals (no route, no method, unreadable body)."""
    codes = {400: "malformed", 404: "not-found", 405: "method-not-allowed", 413: "body-too-large"}
    return Problem(
        error.status_code,
        codes.get(error.status_code, "invalid"),
        str(error.detail),
        headers=error.headers,
    )


def install(app: FastAPI, *, edge: bool = False) -> None:
    """Answer every error as a problem. A service adds handlers for its own exceptions beside these."""

    async def on_problem(request: Request, error: Exception) -> Response:
        assert isinstance(error, Problem)
        return problem_response(error, request.url.path)

    async def on_validation(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return problem_response(validation_problem(error.errors()), request.url.path)

    async def on_input(request: Request, error: Exception) -> Response:
        assert isinstance(error, InputInvalid)
        return problem_response(input_problem(error), request.url.path)

    async def on_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return problem_response(http_problem(error), request.url.path)

    async def on_resilience(request: Request, error: Exception) -> Response:
        problem = resilience_problem(error, edge=edge)
        assert problem is not None
        return problem_response(problem, request.url.path)

    app.add_exception_handler(Problem, on_problem)
    app.add_exception_handler(RequestValidationError, on_validation)
    app.add_exception_handler(InputInvalid, on_input)
    app.add_exception_handler(HTTPException, on_http)
    for kind in (DeadlineExceeded, DependencyUnavailable, BulkheadFull, Overloaded, RateLimited, Unsendable):
        app.add_exception_handler(kind, on_resilience)
