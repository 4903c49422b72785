"""One relay process: wait for PostgreSQL, stand by for the lock, lead until the end."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

import asyncpg
import structlog

from command_service.relay.publisher import Publisher, open_publisher
from command_service.relay.relay import Progress, Relay, ToMessage
from command_service.relay.session import LeaderSession, LeadershipLost, open_session
from command_service.relay.settings import RelaySettings
from command_service.storage import MIGRATIONS
from holdfast.eventstore import Database, DatabaseUnavailable, LockTimeout, SchemaIncomplete, require_schema

log = structlog.get_logger(__name__)

STANDBY_S: Final = 0.5  # how often a standby asks for the lock: so long nobody publishes after a leader's end
_PAUSE_S: Final = (0.1, 2.0)  # background work: 0.1 s, doubling to 2 s (RESILIENCE 2)


async def relay(settings: RelaySettings, to_message: ToMessage, progress: Progress, stopping: asyncio.Event) -> None:
    """Relay until `stopping`. With PostgreSQL or Kafka away it waits for them, as long as it does not lead yet.

    Raises `LeadershipLost` or `PublishingFailed` out of leading; end the process without flushing then.
    """
    application = f"relay:{settings.replica}"[:60]

    async def publisher() -> Publisher:
        return await open_publisher(settings.kafka_bootstrap, settings.namespace, application)

    pause_s, longest_s = _PAUSE_S
    while not stopping.is_set():
        try:
            await require_schema(Database(settings.postgres_dsn, application=application), *MIGRATIONS)
            async with open_session(settings.postgres_dsn, application) as session:
                progress.postgres, pause_s = "up", _PAUSE_S[0]
                if not await _lead(session, stopping):
                    return
                progress.leads = True
                log.info("leads")
                await Relay(session, publisher, to_message, progress, stopping).run()
                return
        except (DatabaseUnavailable, SchemaIncomplete, LockTimeout, LeadershipLost, asyncpg.PostgresError) as error:
            progress.postgres = str(error)
            if progress.leads:
                raise
            log.warning("postgresql_away", error=str(error), again_in_s=pause_s)
        await _pause(stopping, pause_s)
        pause_s = min(pause_s * 2, longest_s)


async def _lead(session: LeaderSession, stopping: asyncio.Event) -> bool:
    """Stand by until the lock is had; False when stopped before."""
    if await session.try_lead():
        return True
    log.info("stands_by")
    while not stopping.is_set():
        await _pause(stopping, STANDBY_S)
        if await session.try_lead():
            return True
    return False


async def _pause(stopping: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stopping.wait()
