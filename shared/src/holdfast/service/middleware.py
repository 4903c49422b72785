"""The ASGI middlewares of every process: request context, answer headers, metrics and log; then deadline and body."""

import asyncio
import time
from collections.abc import Callable
from typing import Final

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from holdfast.resilience.deadline import Deadline, InvalidTimeout
from holdfast.resilience.errors import DeadlineExceeded
from holdfast.resilience.protections import NAIVE_TOTAL_S, PROTECTIONS
from holdfast.service.bodies import BODY_METHODS, read_body
from holdfast.service.context import (
    CallerGone,
    RequestContext,
    child_traceparent,
    current,
    enter,
    request_id_from,
)
from holdfast.service.problems import Problem, problem_response, resilience_problem

log = structlog.get_logger(__name__)
_UNLOGGED: Final = frozenset({"/healthz", "/readyz", "/status", "/metrics"})
_KNOWN_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class RequestMetrics:
    """Counts and times requests by route template, so that ids make no new series."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._seconds = Histogram(
            "http_request_duration_seconds",
            "Time to answer, by method and route",
            ["method", "route"],
            registry=registry,
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5),
        )
        self._total = Counter(
            "http_requests_total",
            "Answers, by method, route and status",
            ["method", "route", "status"],
            registry=registry,
        )

    def observe(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "unmatched")
        method = scope["method"] if scope["method"] in _KNOWN_METHODS else "other"
        self._seconds.labels(method, route).observe(seconds)
        self._total.labels(method, route, str(status)).inc()


class RequestMiddleware:
    """The outermost one: enters the request's context, marks its answer, measures it, and answers what goes wrong.

    The context's deadline is `total_s(method, path)` seconds from now. BodyMiddleware shortens it, the gateway's edge
    replaces it.
    """

    def __init__(self, app: ASGIApp, *, total_s: Callable[[str, str], float], metrics: RequestMetrics) -> None:
        self._app = app
        self._total_s = total_s
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        method, path = scope["method"], scope["path"]
        headers = Headers(scope=scope)
        context = RequestContext(
            request_id=request_id_from(headers.get("x-request-id")),
            traceparent=child_traceparent(headers.get("traceparent")),
            deadline=Deadline.after(self._total_s(method, path)),
            attempt=2 if "x-attempt" in headers else 1,
        )
        enter(context)
        marks = [
            (b"x-request-id", context.request_id.encode()),
            (b"traceparent", context.traceparent.encode()),
        ]
        status = 0

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), *marks]
            await send(message)

        try:
            await self._app(scope, receive, answer)
        except (Problem, DeadlineExceeded) as error:
            if not status:
                await problem_response(_as_problem(error), path)(scope, receive, answer)
        except CallerGone:
            status = 499
        except Exception:
            log.exception("request_failed", method=method, path=path)
            if not status:
                problem = Problem(500, "internal", "an unexpected error, see the log by this request id")
                await problem_response(problem, path)(scope, receive, answer)
        finally:
            seconds = time.perf_counter() - began
            self._metrics.observe(scope, status, seconds)
            if path not in _UNLOGGED:
                log.debug("request", method=method, path=path, status=status, ms=round(seconds * 1000, 1))


class BodyMiddleware:
    """Inside of it a request has its deadline and its whole body (`holdfast.service.bodies`), read within the deadline.

    `context.caller_gone` is set once the connection of a request with a body is closed.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        context = current()
        deadline = deadline_from(headers.get("x-request-timeout-ms"), context.deadline)
        if deadline is not context.deadline:
            context = context.with_deadline(deadline)
            enter(context)
        if scope["method"] not in BODY_METHODS:
            with deadline.limit():
                await self._app(scope, receive, send)
            return
        watch: asyncio.Task[None] | None = None
        try:
            with deadline.limit():
                body = await read_body(headers, receive)
                watch = asyncio.create_task(_watch(receive, context.caller_gone))
                await self._app(scope, _replay(body, context.caller_gone), send)
        finally:
            if watch is not None:
                watch.cancel()


def deadline_from(value: str | None, own: Deadline) -> Deadline:
    """`own`, or the caller's X-Request-Timeout-Ms if that is sooner; without deadlines (a protection) the naive one.

    Raises Problem 422 `invalid` for a header that is no number of milliseconds.
    """
    deadline = own
    if value is not None:
        try:
            deadline = Deadline.from_header(value, at_most_s=own.remaining_s())
        except InvalidTimeout as error:
            raise Problem(422, "invalid", str(error), errors=[("X-Request-Timeout-Ms", str(error))]) from error
    return deadline if "deadline" in PROTECTIONS.on else Deadline.after(NAIVE_TOTAL_S)


def _as_problem(error: Problem | DeadlineExceeded) -> Problem:
    if isinstance(error, Problem):
        return error
    problem = resilience_problem(error, edge=True)
    assert problem is not None
    return problem


async def _watch(receive: Receive, gone: asyncio.Event) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    gone.set()


def _replay(body: bytes, gone: asyncio.Event) -> Receive:
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            await gone.wait()
            return {"type": "http.disconnect"}
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
