"""The composition root of the command-service: what is built from the settings, once, and plugged together."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial

import structlog
from fastapi import APIRouter, FastAPI

from command_service.adapters.passwords import Passwords
from command_service.adapters.payments import Payments
from command_service.api import (
    admin,
    carts,
    checkout,
    customers,
    orders,
    orders_commands,
    problems,
    reads,
    revocations,
    sessions,
    streams,
)
from command_service.codec import KIND_OF_NAME
from command_service.handlers.customers import ensure_admin
from command_service.handlers.keys_at_work import KeysAtWork
from command_service.handlers.revocations import follow_store
from command_service.handlers.sign_in_attempts import SignInAttempts
from command_service.parts import CHECKOUT_POOL_NAME, Parts
from command_service.settings import Settings
from command_service.storage import Pool, Preparation, Storage
from holdfast.eventstore import CHECKOUT_POOL, PoolSettings, fill_snapshots
from holdfast.resilience.client import OutboundClient
from holdfast.resilience.deadline import Deadline
from holdfast.resilience.dependencies import Dependencies
from holdfast.resilience.settings import CHECKOUT_BULKHEAD, PAYMENT_CLIENT, POSTGRES_BULKHEAD
from holdfast.service.app import create_app, make_signer
from holdfast.service.health import Health, Readiness
from holdfast.service.revocation_feed import PATH
from holdfast.service.revocations import Revocations

SERVICE = "command-service"
log = structlog.get_logger(__name__)
_PREPARATION_S = 5.0  # one try at a preparation: hashing a password beside the traffic takes its turn
_SNAPSHOT_PAUSE_S = 0.02  # between two snapshots of old streams, 6 ms of work each, so that requests go first

_CALLERS = {"": frozenset({"gateway"}), PATH: frozenset({"gateway", "query-service"})}
# Every router of the service.
ROUTERS: Sequence[APIRouter] = (
    carts.router,
    checkout.router,
    orders_commands.router,
    customers.router,
    sessions.router,
    admin.router,
    reads.router,
    orders.router,
    streams.router,
    revocations.router,
)


def build(settings: Settings) -> FastAPI:
    """The application; nothing is opened before it starts, and it starts with every dependency down."""
    storage = Storage(settings.postgres_dsn, f"{SERVICE}:{settings.replica}"[:60], _pools(settings))
    payments = OutboundClient(
        "payment-service",
        settings.payment_urls,
        PAYMENT_CLIENT,
        credential=partial(make_signer(SERVICE, settings).header, "payment-service"),
    )
    parts = Parts(storage.database, Payments(payments), Passwords(), KeysAtWork(), SignInAttempts())
    ended = Revocations()
    dependencies = Dependencies(SERVICE)
    for guard in storage.guards.values():
        dependencies.add(guard)
    dependencies.add(payments)
    dependencies.add_listener(_log_breaker)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await payments.start()
        try:
            async with storage.opened(
                _preparations(parts, settings), work=partial(follow_store, storage.database, ended)
            ):
                yield
        finally:
            await payments.close()
            parts.passwords.close()

    health = Health(
        readiness=lambda: Readiness(storage.prepared.is_set() and ended.known, storage.states),
        dependencies=lambda: [line.as_json() for line in dependencies.status()],
    )
    app = create_app(SERVICE, settings, routers=ROUTERS, health=health, lifespan=lifespan, callers=_CALLERS)
    app.state.verifier.ended = ended
    app.state.parts = parts
    app.state.storage = storage
    problems.install(app)
    return app


def _log_breaker(name: str, old: str, new: str) -> None:
    log.warning("breaker_changed", dependency=name, old=old, new=new)


def _preparations(parts: Parts, settings: Settings) -> list[Preparation]:
    """What has to be done once PostgreSQL answers: the first admin (CORRECTNESS 7), snapshots of streams that are older
    than snapshots (32)."""

    async def first_admin() -> None:
        await ensure_admin(parts, settings.admin_email, settings.admin_password, Deadline.after(_PREPARATION_S))

    async def snapshots() -> None:
        async for stream_id, version in fill_snapshots(parts.database, KIND_OF_NAME):
            log.debug("snapshot_filled", stream_id=stream_id, version=version)
            await asyncio.sleep(_SNAPSHOT_PAUSE_S)

    return [first_admin, snapshots]


def _pools(settings: Settings) -> list[Pool]:
    checkout = replace(CHECKOUT_POOL, size=settings.checkout_pool_size)
    return [
        Pool(
            "default",
            "postgresql",
            PoolSettings(size=settings.postgres_pool_size),
            replace(POSTGRES_BULKHEAD, limit=settings.postgres_pool_size),
        ),
        Pool(
            CHECKOUT_POOL_NAME,
            "postgresql-checkout",
            checkout,
            replace(CHECKOUT_BULKHEAD, limit=settings.checkout_pool_size),
        ),
    ]
