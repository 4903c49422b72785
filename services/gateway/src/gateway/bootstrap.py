"""The gateway put together: the one place that makes its parts from the settings."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial

import structlog
from fastapi import FastAPI
from fastapi.responses import Response
from prometheus_client import CollectorRegistry
from pydantic import BaseModel
from starlette.middleware.cors import CORSMiddleware

from gateway import openapi
from gateway.board import StatusBoard
from gateway.call import Call
from gateway.documented import ANSWER_HEADERS, REQUEST_HEADERS
from gateway.forwarding import Forwarder
from gateway.http.authentication import Authentication
from gateway.http.edge import Edge, Endpoint
from gateway.http.rate_limits import RateLimits, Rates
from gateway.http.service_places import ServicePlaces
from gateway.http.uploads import Uploads
from gateway.lanes import CLIENT, make_lanes
from gateway.observed import AdmissionMetrics, OutboundMetrics, PaceMetrics
from gateway.ops import SERVICE, Operations, status_route
from gateway.response_cache import ResponseCache
from gateway.routes import FORWARDED, PASSWORD_ROUTE, REGISTER_ROUTE, SIGN_IN_ROUTE
from gateway.routing import READ
from gateway.sessions import Sessions
from gateway.settings import GatewaySettings, parse_status_urls
from gateway.switches import GET_PROTECTIONS, PUT_PROTECTIONS, Switches
from gateway.warming import warm
from holdfast.contracts.requests import NewSession
from holdfast.resilience.admission import Admission
from holdfast.resilience.cache import Cache
from holdfast.resilience.client import OutboundClient
from holdfast.resilience.dependencies import Dependencies
from holdfast.resilience.settings import ADMISSION, QUERY_CLIENT, ClientSettings, RateSettings
from holdfast.service.app import Lifespan, create_app, make_signer, make_verifier
from holdfast.service.credentials import Signer
from holdfast.service.health import Health, Readiness
from holdfast.service.keys import KeyInvalid
from holdfast.service.revocation_feed import RevocationFeed
from holdfast.service.revocations import Revocations
from holdfast.service.settings import refuse_start
from holdfast.service.tokens import TokenInvalid, TokenSigner, TokenVerifier

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Parts:
    """What starts and stops with the process."""

    query: OutboundClient
    command: OutboundClient
    cache: ResponseCache
    board: StatusBoard
    switches: Switches
    dependencies: Dependencies
    feed: RevocationFeed


def build(settings: GatewaySettings) -> FastAPI:
    """The application. Exits with one line if the key pair is invalid."""
    registry = CollectorRegistry()
    signer, verifier = _signer(settings), make_verifier(settings)
    _check_pair(signer, verifier)
    verifier.ended = ended = Revocations()
    services = make_signer(SERVICE, settings)
    parts = _parts(settings, registry, ended, services)
    limits = _limits(settings)
    places = ServicePlaces(
        limits,
        guests_at_once=settings.guests_at_once,
        anonymous_share=settings.anonymous_share,
        newcomers_share=settings.newcomers_share,
        caller_share=settings.caller_share,
    )
    forwarder = Forwarder(parts.query, parts.command, make_lanes(), parts.cache, places, registry)
    admission = Admission(replace(ADMISSION, first=settings.calls_at_once))
    operations = Operations(parts.board, parts.dependencies, admission, settings.replica)
    endpoints = [
        *_shop_endpoints(forwarder, Sessions(signer, forwarder, places)),
        *_operation_endpoints(settings.mode == "demo", operations, parts.switches),
    ]
    uploads = Uploads(limit_s=settings.body_timeout_s, most_bytes=settings.bodies_bytes)
    edge = Edge(endpoints, Authentication(verifier), limits, admission, uploads, parts.cache)
    registry.register(AdmissionMetrics(admission))
    registry.register(PaceMetrics(parts.query, parts.command))
    app = create_app(
        SERVICE,
        settings,
        health=_health(parts.dependencies),
        registry=registry,
        lifespan=_lifespan(parts, forwarder if settings.warm_cache else None),
        total_s=lambda _method, _path: READ.total_s,
        verifier=verifier,
        front=edge.in_front_of,
        docs_url=None,
        redoc_url=None,
    )
    if settings.cors_origins:
        _allow_origins(app, settings.allowed_origins)
    openapi.install(app, [endpoint.route for endpoint in endpoints])
    return app


def _allow_origins(app: FastAPI, origins: Sequence[str]) -> None:
    """CORS for pages of these origins. Without credentials: the pages' own code sends tokens, cookies never do."""
    app.add_middleware(
        CORSMiddleware,
        allow_origins=list(origins),
        allow_methods=["GET", "HEAD", "POST", "PUT", "DELETE"],
        allow_headers=["Authorization", "X-Request-Id", "traceparent", *REQUEST_HEADERS],
        expose_headers=list(ANSWER_HEADERS),
        max_age=600,
    )


def _operation_endpoints(demo: bool, operations: Operations, switches: Switches) -> list[Endpoint]:
    """The calls that operate the shop. Protections are switched in demo mode only."""
    status = Endpoint(status_route(demo), operations.status)
    if not demo:
        return [status]
    return [status, Endpoint(GET_PROTECTIONS, switches.show), Endpoint(PUT_PROTECTIONS, switches.switch)]


def _shop_endpoints(forwarder: Forwarder, sessions: Sessions) -> list[Endpoint]:
    async def forward(call: Call, _body: BaseModel | None) -> Response:
        return await forwarder.forward(call)

    async def open_session(call: Call, body: BaseModel | None) -> Response:
        assert isinstance(body, NewSession)
        return await sessions.open(call, body)

    async def register(call: Call, _body: BaseModel | None) -> Response:
        return await sessions.register(call)

    async def change_password(call: Call, _body: BaseModel | None) -> Response:
        return await sessions.change_password(call)

    return [
        Endpoint(SIGN_IN_ROUTE, open_session),
        Endpoint(REGISTER_ROUTE, register),
        Endpoint(PASSWORD_ROUTE, change_password),
        *(Endpoint(route, forward) for route in FORWARDED),
    ]


def _parts(settings: GatewaySettings, registry: CollectorRegistry, ended: Revocations, services: Signer) -> Parts:
    metrics = OutboundMetrics(registry)

    def client(name: str, urls: str, client_settings: ClientSettings) -> OutboundClient:
        credential = partial(services.header, name)
        return OutboundClient(name, urls, client_settings, observe=metrics.attempt, credential=credential)

    query = client("query-service", settings.query_urls, QUERY_CLIENT)
    command = client("command-service", settings.command_urls, ClientSettings(bulkhead=CLIENT))
    dependencies = Dependencies(SERVICE)
    dependencies.add(query)
    dependencies.add(command)
    dependencies.add_listener(metrics.breaker_changed)
    dependencies.add_listener(_log_breaker)
    board = StatusBoard(parse_status_urls(settings.status_urls), settings.status_interval_s, services)
    switches = Switches(board, SERVICE, settings.replica, services)
    cache = ResponseCache(Cache(settings.cache_bytes), registry)
    return Parts(query, command, cache, board, switches, dependencies, RevocationFeed(command, ended))


def _log_breaker(name: str, old: str, new: str) -> None:
    log.warning("breaker_changed", breaker=name, old=old, new=new)


def _lifespan(parts: Parts, warmed: Forwarder | None) -> Lifespan:
    @asynccontextmanager
    async def started(_app: FastAPI) -> AsyncIterator[None]:
        members = (parts.query, parts.command, parts.board)
        for member in members:
            await member.start()
        background = [asyncio.create_task(parts.feed.run(), name="revocations")]
        if warmed:
            background.append(asyncio.create_task(warm(warmed.forward), name="warm"))
        try:
            yield
        finally:
            for task in background:
                task.cancel()
            await parts.cache.close()
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


def _limits(settings: GatewaySettings) -> RateLimits:
    return RateLimits(
        Rates(
            tokens=RateSettings(settings.rate_per_s, settings.rate_burst),
            addresses=RateSettings(settings.address_rate_per_s, settings.address_rate_burst),
            services=RateSettings(settings.anonymous_rate_per_s, settings.anonymous_rate_burst),
            sessions=RateSettings(settings.session_rate_per_s, settings.session_rate_burst),
            passwords=RateSettings(settings.password_rate_per_s, settings.password_rate_burst),
        )
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
