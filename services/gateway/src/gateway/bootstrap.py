"""The gateway put together: the one place that makes its parts from the settings."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import structlog
from fastapi import FastAPI
from fastapi.responses import Response
from prometheus_client import CollectorRegistry
from pydantic import BaseModel
from starlette.datastructures import Headers
from starlette.types import Scope

from gateway import openapi
from gateway.admission import Doorman, Rates
from gateway.board import StatusBoard
from gateway.call import Call
from gateway.catalogue import Catalogue
from gateway.edge import Edge, PublicRoute, Serve
from gateway.forwarding import Forwarder
from gateway.lanes import CLIENT, make_lanes
from gateway.lookup import RouteTable
from gateway.observed import AdmissionMetrics, OutboundMetrics, PaceMetrics
from gateway.ops import SERVICE, Operations, status_route
from gateway.routes import FORWARDED, REGISTER_ROUTE, SIGN_IN_ROUTE
from gateway.routing import READ, Route
from gateway.sessions import Sessions
from gateway.settings import GatewaySettings, parse_status_urls
from gateway.switches import GET_PROTECTIONS, PUT_PROTECTIONS, Switches
from gateway.warming import warm
from holdfast.contracts.http import NewSession
from holdfast.contracts.inputs import InputInvalid, wants_no_cache
from holdfast.contracts.query_parameters import canonical_query, parse_query
from holdfast.resilience.admission import Admission
from holdfast.resilience.cache import Cache
from holdfast.resilience.client import OutboundClient
from holdfast.resilience.dependencies import Dependencies
from holdfast.resilience.ratelimit import RateLimiter
from holdfast.resilience.settings import ADMISSION, QUERY_CLIENT, ClientSettings, RateSettings
from holdfast.service.app import Lifespan, create_app
from holdfast.service.health import Health, Readiness
from holdfast.service.middleware import Admit, Instead
from holdfast.service.settings import refuse_start
from holdfast.service.tokens import KeyInvalid, TokenInvalid, TokenSigner, TokenVerifier

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Parts:
    """What starts and stops with the process."""

    query: OutboundClient
    command: OutboundClient
    catalogue: Catalogue
    board: StatusBoard
    switches: Switches
    dependencies: Dependencies


def build(settings: GatewaySettings) -> FastAPI:
    """The application. Keys that are none, or no pair, end the start with one line."""
    registry = CollectorRegistry()
    signer = _signer(settings)
    parts = _parts(settings, registry)
    forwarder = Forwarder(parts.query, parts.command, make_lanes(), parts.catalogue, registry)
    admission = Admission(replace(ADMISSION, first=settings.calls_at_once))
    operations = Operations(parts.board, parts.dependencies, admission, settings.replica)
    operated = _operated(settings.mode == "demo", operations, parts.switches)
    table = RouteTable((SIGN_IN_ROUTE, REGISTER_ROUTE, *FORWARDED, *(route for route, _ in operated)))
    registry.register(AdmissionMetrics(admission))
    registry.register(PaceMetrics(parts.query, parts.command))
    app = create_app(
        SERVICE,
        settings,
        health=_health(parts.dependencies),
        registry=registry,
        lifespan=_lifespan(parts, forwarder if settings.warm_cache else None),
        total_s=_total_s(table),
        admit=_admit(table, admission),
        instead=_instead(table, parts.catalogue),
        edge=True,
        docs_url=None,
        redoc_url=None,
    )
    verifier: TokenVerifier = app.state.verifier
    _check_pair(signer, verifier)
    edge = Edge(Doorman(verifier), _rates(settings))
    served = [*_served(forwarder, Sessions(signer, forwarder)), *operated]
    for route, serve in served:
        methods = {other.method for other, _ in served if other.path == route.path}
        app.router.routes.append(PublicRoute(route, edge, serve, methods))
    openapi.install(app)
    return app


def _total_s(table: RouteTable) -> Callable[[str, str], float]:
    """The longest that a call may take, in seconds; what is no call of the API is refused sooner."""

    def total_s(method: str, path: str) -> float:
        route = table.find(method, path)
        return READ.total_s if route is None else route.budget.total_s

    return total_s


def _admit(table: RouteTable, admission: Admission) -> Admit:
    """Health, metrics, documents and operations are let in whatever else there is to do."""

    def admit(method: str, path: str, total_s: float) -> AbstractAsyncContextManager[None]:
        route = table.find(method, path)
        if route is None or route.priority is None:
            return nullcontext()
        return admission.slot(route.priority, total_s)

    return admit


def _instead(table: RouteTable, catalogue: Catalogue) -> Instead:
    """The catalogue's reads have an answer at hand when there is no room for them, unless they want another."""

    def instead(scope: Scope) -> Response | None:
        route = table.find(scope["method"], scope["path"])
        if route is None or wants_no_cache(Headers(scope=scope).getlist("cache-control")):
            return None
        try:
            query = canonical_query(parse_query(route.query, scope["query_string"]))
        except InputInvalid:
            return None
        return catalogue.when_shed(route, scope["path"], query)

    return instead


def _operated(demo: bool, operations: Operations, switches: Switches) -> list[tuple[Route, Serve]]:
    """The calls that operate the shop. Protections are switched in demo mode only."""
    status: tuple[Route, Serve] = (status_route(demo), operations.status)
    return [status, (GET_PROTECTIONS, switches.show), (PUT_PROTECTIONS, switches.switch)] if demo else [status]


def _served(forwarder: Forwarder, sessions: Sessions) -> list[tuple[Route, Serve]]:
    async def forward(call: Call, _body: BaseModel | None) -> Response:
        return await forwarder.forward(call)

    async def open_session(call: Call, body: BaseModel | None) -> Response:
        assert isinstance(body, NewSession)
        return await sessions.open(call, body)

    async def register(call: Call, _body: BaseModel | None) -> Response:
        return await sessions.register(call)

    return [
        (SIGN_IN_ROUTE, open_session),
        (REGISTER_ROUTE, register),
        *((route, forward) for route in FORWARDED),
    ]


def _parts(settings: GatewaySettings, registry: CollectorRegistry) -> Parts:
    metrics = OutboundMetrics(registry)
    query = OutboundClient("query-service", settings.query_urls, QUERY_CLIENT, observe=metrics.attempt)
    commands = ClientSettings(bulkhead=CLIENT)
    command = OutboundClient("command-service", settings.command_urls, commands, observe=metrics.attempt)
    dependencies = Dependencies(SERVICE)
    dependencies.add(query)
    dependencies.add(command)
    dependencies.add_listener(metrics.breaker_changed)
    dependencies.add_listener(_log_breaker)
    board = StatusBoard(parse_status_urls(settings.status_urls), settings.status_interval_s)
    switches = Switches(board, SERVICE, settings.replica)
    return Parts(query, command, Catalogue(Cache(settings.cache_bytes), registry), board, switches, dependencies)


def _log_breaker(name: str, old: str, new: str) -> None:
    log.warning("breaker_changed", breaker=name, old=old, new=new)


def _lifespan(parts: Parts, warmed: Forwarder | None) -> Lifespan:
    @asynccontextmanager
    async def started(_app: FastAPI) -> AsyncIterator[None]:
        members = (parts.query, parts.command, parts.board)
        for member in members:
            await member.start()
        warming = asyncio.create_task(warm(warmed.forward), name="warm") if warmed else None
        try:
            yield
        finally:
            if warming is not None:
                warming.cancel()
            await parts.catalogue.close()
            for member in members:
                await member.close()
            await parts.switches.close()

    return started


def _health(dependencies: Dependencies) -> Health:
    def readiness() -> Readiness:
        # A guest's session needs no service, so the gateway can always serve something.
        names = ("query-service", "command-service")
        return Readiness(True, {name: "up" if dependencies.healthy(name) else "away" for name in names})

    return Health(readiness, lambda: [line.as_json() for line in dependencies.status()])


def _rates(settings: GatewaySettings) -> Rates:
    return Rates(
        RateLimiter(RateSettings(settings.rate_per_s, settings.rate_burst)),
        RateLimiter(RateSettings(settings.session_rate_per_s, settings.session_rate_burst)),
    )


def _signer(settings: GatewaySettings) -> TokenSigner:
    try:
        return TokenSigner(settings.token_private_key)
    except KeyInvalid as error:
        refuse_start(f"TOKEN_PRIVATE_KEY: {error}")


def _check_pair(signer: TokenSigner, verifier: TokenVerifier) -> None:
    token, _ = signer.sign("start", "guest", datetime.now(UTC))
    try:
        verifier.verify(token)
    except TokenInvalid:
        refuse_start("TOKEN_PUBLIC_KEY: does not belong to TOKEN_PRIVATE_KEY")
