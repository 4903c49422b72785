"""`python -m command_service.entrypoints.migrations`: make the schema, then maintain it until SIGTERM."""

import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import FastAPI
from prometheus_client import CollectorRegistry, Gauge

from command_service.maintenance.maintenance import Maintenance
from command_service.maintenance.settings import MaintenanceSettings
from command_service.storage import Pool, Storage
from holdfast.eventstore import PoolSettings, RoleRefused, ServiceRole
from holdfast.resilience.dependencies import Dependencies
from holdfast.resilience.settings import BulkheadSettings
from holdfast.service.app import create_app, run, serve
from holdfast.service.health import Health, Readiness
from holdfast.service.keys import KeyInvalid, private_key
from holdfast.service.settings import load, refuse_start

SERVICE = "migrations"
_POOL = Pool("default", "postgresql", PoolSettings(size=2, acquire_timeout_s=0.8), BulkheadSettings(2, 2, 0.8))


def build(settings: MaintenanceSettings) -> FastAPI:
    """The process's health endpoints, with the work in their background; it starts with PostgreSQL down."""
    storage = Storage(settings.postgres_owner_dsn, f"{SERVICE}:{settings.replica}"[:60], [_POOL])
    _require_service_role(settings)
    maintenance = Maintenance(
        storage.database,
        settings.postgres_dsn,
        _checkpoint_key(settings).sign,
        checkpoint_every_s=settings.checkpoint_every_s,
    )
    dependencies = Dependencies(SERVICE)
    dependencies.add(storage.guards["default"])

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with storage.opened(schema=maintenance.make_schema, work=maintenance.run):
            yield

    health = Health(
        readiness=lambda: Readiness(storage.prepared.is_set(), storage.states),
        dependencies=lambda: [line.as_json() for line in dependencies.status()],
        extra=lambda: {"checkpoint": _last_checkpoint(maintenance)},
    )
    return create_app(SERVICE, settings, health=health, registry=_registry(maintenance), lifespan=lifespan)


def _require_service_role(settings: MaintenanceSettings) -> None:
    try:
        ServiceRole.of_dsn(settings.postgres_dsn)
    except RoleRefused as error:
        refuse_start(f"POSTGRES_DSN: {error}")


def _checkpoint_key(settings: MaintenanceSettings) -> Ed25519PrivateKey:
    try:
        return private_key(settings.checkpoint_private_key)
    except KeyInvalid as error:
        refuse_start(f"CHECKPOINT_PRIVATE_KEY: {error}")


def _last_checkpoint(maintenance: Maintenance) -> dict[str, Any]:
    last = maintenance.last
    if last is None:
        return {"number": None, "events": None, "signed_at": None}
    return {"number": last.number, "events": last.events, "signed_at": last.signed_at.isoformat()}


def _registry(maintenance: Maintenance) -> CollectorRegistry:
    registry = CollectorRegistry()
    number = Gauge("migrations_checkpoint_number", "Number of the last checkpoint signed", registry=registry)
    number.set_function(lambda: maintenance.last.number if maintenance.last else 0)
    age = Gauge("migrations_checkpoint_age_seconds", "Seconds since it was signed, 0 before", registry=registry)
    age.set_function(lambda: time.time() - maintenance.last.signed_at.timestamp() if maintenance.last else 0)
    return registry


async def main(settings: MaintenanceSettings) -> int:
    await serve(build(settings), settings)
    return 0


if __name__ == "__main__":
    settings = load(MaintenanceSettings)
    sys.exit(run(SERVICE, settings, main(settings)))
