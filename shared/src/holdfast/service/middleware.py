"""The one ASGI middleware: context, deadline, bounded JSON body, answer headers, metrics, access log, last resort."""

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Final

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from holdfast.resilience.deadline import Deadline, InvalidTimeout
from holdfast.resilience.errors import DeadlineExceeded, Overloaded
from holdfast.resilience.protections import NAIVE_TOTAL_S, PROTECTIONS
from holdfast.service.context import CallerGone, RequestContext, child_traceparent, enter, request_id_from
from holdfast.service.problems import Problem, problem_response, resilience_problem

log = structlog.get_logger(__name__)
MAX_BODY_BYTES: Final = 64 * 1024
_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_UNLOGGED: Final = frozenset({"/healthz", "/readyz", "/status", "/metrics"})


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


_KNOWN_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


Admit = Callable[[str, str, float], AbstractAsyncContextManager[None]]
"""(method, path, total_s) -> what is held while the request is served; entering it raises Overloaded."""


Instead = Callable[[Scope], Response | None]
"""What a request that was not admitted gets instead of its 503; None: the 503."""


def nothing_instead(_scope: Scope) -> Response | None:
    """Whoever is not admitted is told so."""
    return None


def admit_all(_method: str, _path: str, _total_s: float) -> AbstractAsyncContextManager[None]:
    """Take on whatever comes."""
    return nullcontext()


class RequestMiddleware:
    """Wraps every HTTP request.

    `total_s(method, path)` is this service's own limit in seconds; X-Request-Timeout-Ms can only shorten it.
    The body is read whole (at most 64 KiB) before the application runs, within the deadline, and only once `admit` has
    let the request in; one that was shed gets what `instead` has for it.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        total_s: Callable[[str, str], float],
        metrics: RequestMetrics,
        admit: Admit = admit_all,
        instead: Instead = nothing_instead,
    ) -> None:
        self._app = app
        self._total_s = total_s
        self._metrics = metrics
        self._admit = admit
        self._instead = instead

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        headers = Headers(scope=scope)
        method, path = scope["method"], scope["path"]
        own_s = self._total_s(method, path)
        context, invalid_timeout = _context(headers, own_s)
        enter(context)
        status = 0
        watch: asyncio.Task[None] | None = None

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                out = MutableHeaders(raw=message.setdefault("headers", []))
                out["X-Request-Id"] = context.request_id
                out["traceparent"] = context.traceparent
            await send(message)

        try:
            if invalid_timeout is not None:
                raise Problem(
                    422, "invalid", str(invalid_timeout), errors=[("X-Request-Timeout-Ms", str(invalid_timeout))]
                )
            with context.deadline.limit():
                async with self._admit(method, path, own_s):
                    if method in _WITH_BODY:
                        body = await _read_body(headers, receive)
                        watch = asyncio.create_task(_watch(receive, context.caller_gone))
                        receive = _replay(body, context.caller_gone)
                    await self._app(scope, receive, answer)
        except (Problem, DeadlineExceeded, Overloaded) as error:
            if not status:
                at_hand = self._instead(scope) if isinstance(error, Overloaded) else None
                await (at_hand or problem_response(_as_problem(error), path))(scope, receive, answer)
        except CallerGone:
            status = 499
        except Exception:
            log.exception("request_failed", method=method, path=path)
            if not status:
                problem = Problem(500, "internal", "an unexpected error, see the log by this request id")
                await problem_response(problem, path)(scope, receive, answer)
        finally:
            if watch is not None:
                watch.cancel()
            seconds = time.perf_counter() - began
            self._metrics.observe(scope, status, seconds)
            if path not in _UNLOGGED:
                log.debug("request", method=method, path=path, status=status, ms=round(seconds * 1000, 1))


def _context(headers: Headers, own_s: float) -> tuple[RequestContext, InvalidTimeout | None]:
    """What is known of the request, and what is wrong with its X-Request-Timeout-Ms if anything is."""
    invalid: InvalidTimeout | None = None
    try:
        deadline = Deadline.from_header(headers.get("x-request-timeout-ms"), at_most_s=own_s)
    except InvalidTimeout as error:
        invalid, deadline = error, Deadline.after(own_s)
    if "deadline" not in PROTECTIONS.on:
        deadline = Deadline.after(NAIVE_TOTAL_S)
    context = RequestContext(
        request_id=request_id_from(headers.get("x-request-id")),
        traceparent=child_traceparent(headers.get("traceparent")),
        deadline=deadline,
        attempt=2 if "x-attempt" in headers else 1,
    )
    return context, invalid


def _as_problem(error: Problem | DeadlineExceeded | Overloaded) -> Problem:
    if isinstance(error, Problem):
        return error
    problem = resilience_problem(error, edge=True)
    assert problem is not None
    return problem


async def _read_body(headers: Headers, receive: Receive) -> bytes:
    length = headers.get("content-length", "")
    too_large = Problem(413, "body-too-large", f"a body has at most {MAX_BODY_BYTES} bytes")
    if length.isdigit() and (len(length) > 9 or int(length) > MAX_BODY_BYTES):
        raise too_large
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise CallerGone
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > MAX_BODY_BYTES:
            raise too_large
        if not message.get("more_body", False):
            break
    if size and not _is_json(headers.get("content-type", "")):
        raise Problem(415, "unsupported-media-type", "the body has to be sent as Content-Type: application/json")
    return b"".join(chunks)


def _is_json(content_type: str) -> bool:
    kind = content_type.partition(";")[0].strip().lower()
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))


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
