"""The one way to make a service's FastAPI application and to run it."""

import asyncio
import gc
import resource
import signal
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Any, Final

import structlog
import uvicorn
import uvloop
from fastapi import APIRouter, FastAPI
from fastapi.telemetry import TelemetryConfig
from prometheus_client import CollectorRegistry
from starlette.types import ASGIApp

from holdfast.resilience.protections import PROTECTIONS
from holdfast.resilience.settings import RateSettings
from holdfast.service import problems
from holdfast.service.connections import ConnectionLimits, ConnectionTable
from holdfast.service.credentials import (
    DEMO_SERVICE_KEYS,
    ServiceKeyInvalid,
    Signer,
    Verifier,
    service_public_keys,
)
from holdfast.service.health import Health, health_router
from holdfast.service.keys import KeyInvalid
from holdfast.service.logs import configure
from holdfast.service.middleware import BodyMiddleware, RequestMetrics, RequestMiddleware
from holdfast.service.protocol import BoundedProtocol
from holdfast.service.service_gate import Callers, ServiceGate
from holdfast.service.settings import CallerSettings, ServiceSettings, listed, refuse_start
from holdfast.service.switches import switches_router
from holdfast.service.tokens import TokenVerifier

log = structlog.get_logger(__name__)
# An internal hop without a header gets the longest deadline that any public call has, and some.
_INTERNAL_TOTAL_S: Final = 2.0
_GRACE_S: Final = 3
_OTHER_FILES: Final = 500  # connections to other parts, refused ones whose 503 is on its way, files

# FastAPI's own looks for an OpenTelemetry provider at every request, which costs 13 us of it. There is none.
_NO_TELEMETRY: Final[TelemetryConfig] = {"tracing": False, "metrics": False, "logs": False}
# New objects, by which Python looks for garbage in cycles. Nearly all are gone by then, by their counts of references.
_GC_AFTER_OBJECTS: Final = 10_000

_EDGE_HEADERS: Final = [
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
]
"""On everything that the gateway sends, refusals of the protocol among them."""

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]
NOBODY: Final[Callers] = {}
Front = Callable[[ASGIApp], ASGIApp]
"""Wraps the application with an ASGI application that serves some requests itself."""


@asynccontextmanager
async def _no_lifespan(_app: FastAPI) -> AsyncIterator[None]:
    yield


def create_app(  # every part of a service that differs is a named argument
    service: str,
    settings: ServiceSettings,
    *,
    routers: Sequence[APIRouter] = (),
    health: Health | None = None,
    registry: CollectorRegistry | None = None,
    lifespan: Lifespan = _no_lifespan,
    total_s: Callable[[str, str], float] = lambda _method, _path: _INTERNAL_TOTAL_S,
    verifier: TokenVerifier | None = None,
    front: Front | None = None,
    callers: Callers | None = NOBODY,
    **fastapi_options: Any,
) -> FastAPI:
    """An application with Holdfast's defaults: problems, context, deadline, bounded bodies, metrics, health.

    `app.state.verifier` is `verifier`, by default `make_verifier(settings)`. `front` is for the gateway: it serves the
    public API in front of the application, which then adds Retry-After to every 503 and documents itself.
    `callers` says which services may call what beside health and status; None: whoever gets here may.
    `app.state.registry` takes the server's metrics too, and the server sends `app.state.headers` with every response.
    """
    edge = front is not None
    options: dict[str, Any] = {} if edge else {"openapi_url": None}
    app = FastAPI(
        title="Holdfast",
        lifespan=lifespan,
        redirect_slashes=False,
        telemetry=_NO_TELEMETRY,
        **(options | fastapi_options),
    )
    app.state.verifier = verifier or make_verifier(settings)
    problems.install(app, edge=edge)
    registry = registry or CollectorRegistry()
    app.state.registry = registry
    app.state.headers = _EDGE_HEADERS if edge else []
    app.include_router(health_router(service, settings.replica, health or Health(), registry))
    if settings.mode == "demo":
        app.include_router(switches_router(service, settings.replica))
    for router in routers:
        app.include_router(router)
    app.add_middleware(BodyMiddleware)
    if front is not None:
        app.add_middleware(front)
    gate = _service_verifier(service, settings)
    app.add_middleware(ServiceGate, verifier=gate, callers=callers or {}, open_else=edge or callers is None)
    app.add_middleware(RequestMiddleware, total_s=total_s, metrics=RequestMetrics(registry))
    return app


def _service_verifier(service: str, settings: ServiceSettings) -> Verifier:
    try:
        return Verifier(service, service_public_keys(settings.service_public_keys))
    except ServiceKeyInvalid as error:
        refuse_start(f"SERVICE_PUBLIC_KEYS: {error}")


def make_signer(service: str, settings: CallerSettings) -> Signer:
    """Signs this process's calls to other services. Exits with one line if its key is invalid."""
    try:
        return Signer(service, settings.service_private_key or DEMO_SERVICE_KEYS[service])
    except ServiceKeyInvalid as error:
        refuse_start(f"SERVICE_PRIVATE_KEY: {error}")


def make_verifier(settings: ServiceSettings) -> TokenVerifier:
    """Verifies tokens with the public key of the settings. Exits with one line if the key is invalid."""
    try:
        return TokenVerifier(settings.token_public_key)
    except KeyInvalid as error:
        refuse_start(f"TOKEN_PUBLIC_KEY: {error}")


def run(service: str, settings: ServiceSettings, main: Coroutine[Any, Any, int]) -> int:
    """Set logs and protections as the settings say, run `main` on uvloop and give its exit code back."""
    configure(service, settings.replica, settings.log_level)
    PROTECTIONS.switch_off(settings.switched_off)
    if PROTECTIONS.off:
        log.warning("protections_off", off=PROTECTIONS.off, mode=settings.mode)
    gc.collect()
    gc.freeze()  # what has been imported stays: to look through it again and again held up every call for 50 ms
    gc.set_threshold(_GC_AFTER_OBJECTS, 10, 10)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main)


def make_server(app: FastAPI, settings: ServiceSettings, *, keep_alive_s: float = 5) -> uvicorn.Server:
    """A server for `app`, made by `create_app`, with bounds on connections and all that comes in by them (ADR 20)."""
    limits = ConnectionLimits(
        head_s=settings.head_timeout_s,
        keep_alive_s=keep_alive_s,
        write_s=settings.write_timeout_s,
        per_process=settings.max_connections,
        per_address=settings.max_connections_per_address,
        refusals=RateSettings(settings.refusal_rate_per_s, settings.refusal_rate_burst),
    )
    trusted = listed(settings.trusted_proxies)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http=partial(BoundedProtocol, table=ConnectionTable(limits, app.state.registry)),  # type: ignore[arg-type]
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        headers=app.state.headers,
        proxy_headers=bool(trusted),
        forwarded_allow_ips=trusted,
        timeout_graceful_shutdown=_GRACE_S,
    )
    return uvicorn.Server(config)


async def serve(
    app: FastAPI, settings: ServiceSettings, *, keep_alive_s: float = 5, sockets: list[socket.socket] | None = None
) -> None:
    """Serve until SIGTERM or SIGINT, then finish what is under way for at most 3 s.

    `sockets` that listen already take the place of HOST and PORT.

    Idle connections are closed after `keep_alive_s`; it has to be longer than the callers keep theirs (ours: 4 s), or a
    request can meet a connection that is just closing.
    """
    _allow_open_files(settings.max_connections + _OTHER_FILES)
    # uvicorn takes these over, and raises at its end what it got: without handlers of ours the process would end there,
    # before its caller has closed what it opened.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    await make_server(app, settings, keep_alive_s=keep_alive_s).serve(sockets)


def _allow_open_files(wanted: int) -> None:
    """Raise the process's own limit, 1,024 on many systems; above the system's it is left and noted."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < wanted:
        log.warning("few_files", wanted=wanted, allowed=hard)
        wanted = hard
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
