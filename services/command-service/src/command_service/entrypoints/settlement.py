"""`python -m command_service.entrypoints.settlement`: settle what is owed until SIGTERM."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import timedelta
from functools import partial

from fastapi import FastAPI
from prometheus_client import CollectorRegistry, Gauge

from command_service.adapters.payments import Payments
from command_service.settlement.settings import SettlementSettings
from command_service.settlement.settlement import Settlement
from command_service.storage import Pool, Storage
from holdfast.eventstore import PoolSettings
from holdfast.resilience.client import OutboundClient
from holdfast.resilience.dependencies import Dependencies
from holdfast.resilience.settings import PAYMENT_CLIENT, BulkheadSettings
from holdfast.service.app import create_app, make_signer, run, serve
from holdfast.service.health import Health, Readiness
from holdfast.service.settings import load

SERVICE = "settlement"
# One connection for each order worked on in a batch would be idle most of its time, while the ledger is asked.
_POOL = Pool("default", "postgresql", PoolSettings(size=6, acquire_timeout_s=0.8), BulkheadSettings(6, 16, 0.8))


def build(settings: SettlementSettings) -> FastAPI:
    """The process's health endpoints, with the work in their background; it starts with every dependency down."""
    storage = Storage(settings.postgres_dsn, f"{SERVICE}:{settings.replica}"[:60], [_POOL])
    client = OutboundClient(
        "payment-service",
        settings.payment_urls,
        PAYMENT_CLIENT,
        credential=partial(make_signer(SERVICE, settings).header, "payment-service"),
    )
    settlement = Settlement(
        storage.database,
        Payments(client),
        batch=settings.batch,
        idle_s=settings.idle_s,
        reserved_for=timedelta(hours=settings.reservation_h),
    )
    dependencies = Dependencies(SERVICE)
    dependencies.add(storage.guards["default"])
    dependencies.add(client)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await client.start()
        try:
            async with storage.opened(work=settlement.run):
                yield
        finally:
            await client.close()

    health = Health(
        readiness=lambda: Readiness(storage.prepared.is_set(), storage.states),
        dependencies=lambda: [line.as_json() for line in dependencies.status()],
        extra=lambda: {"settlement": asdict(settlement.backlog)},
    )
    return create_app(SERVICE, settings, health=health, registry=_registry(settlement), lifespan=lifespan)


def _registry(settlement: Settlement) -> CollectorRegistry:
    registry = CollectorRegistry()
    owed = Gauge("settlement_owed_orders", "Charges and voids still owed to the ledger", registry=registry)
    owed.set_function(lambda: settlement.backlog.owed)
    oldest = Gauge("settlement_oldest_seconds", "Age of the oldest of them", registry=registry)
    oldest.set_function(lambda: settlement.backlog.oldest_s)
    return registry


async def main(settings: SettlementSettings) -> int:
    await serve(build(settings), settings)
    return 0


if __name__ == "__main__":
    settings = load(SettlementSettings)
    sys.exit(run(SERVICE, settings, main(settings)))
