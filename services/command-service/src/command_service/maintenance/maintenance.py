"""What the owner of the tables does: the schema, the services' role, and each minute old keys and a checkpoint."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Final

import structlog

from command_service.storage import MIGRATIONS, PRIVILEGES
from holdfast.eventstore import Checkpoint, Database, authorise, clear_spare_slot, migrate, sign_checkpoint
from holdfast.resilience.deadline import Deadline

log = structlog.get_logger(__name__)

_CLEAR_S: Final = 0.2  # to truncate old keys: commands wait behind the truncation while it waits for others
_CLEAR_EVERY_S: Final = 60.0
_DELETE_S: Final = 5.0


class Maintenance:
    """Works on the event store as its owner. `last` is the newest checkpoint that this process has signed."""

    def __init__(
        self, owner: Database, service_dsn: str, sign: Callable[[bytes], bytes], *, checkpoint_every_s: float
    ) -> None:
        self.last: Checkpoint | None = None
        self.owner = owner
        self._service_dsn = service_dsn
        self._sign = sign
        self._checkpoint_every_s = checkpoint_every_s

    async def make_schema(self) -> None:
        """Apply what is not applied yet, then give the services' role its privileges. Repeatable."""
        for name in await migrate(self.owner, *MIGRATIONS):
            log.info("migrated", file=name)
        await authorise(self.owner, self._service_dsn, *PRIVILEGES)

    async def run(self) -> None:
        """Clear old keys and sign checkpoints until cancelled, whatever is away."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_for_ever("old_keys", self.clear_old_keys, _CLEAR_EVERY_S))
            tasks.create_task(_for_ever("revocations", self.delete_expired_revocations, _CLEAR_EVERY_S))
            tasks.create_task(_for_ever("checkpoint", self.sign_checkpoint, self._checkpoint_every_s))

    async def clear_old_keys(self, now: datetime | None = None) -> int | None:
        """Truncate the idempotency keys older than 24 h. Returns their partition, None without any."""
        async with self.owner.transaction(Deadline.after(_CLEAR_S)) as tx:
            return await clear_spare_slot(tx, now or datetime.now(UTC))

    async def delete_expired_revocations(self) -> None:
        """Delete those whose tokens have all expired by themselves."""
        async with self.owner.transaction(Deadline.after(_DELETE_S)) as tx:
            await tx.execute("DELETE FROM revocations WHERE expires_at < now()")

    async def sign_checkpoint(self) -> None:
        """Sign what is stored now, if anything is new."""
        made = await sign_checkpoint(self.owner, self._sign, datetime.now(UTC))
        if made is not None:
            self.last = made
            log.info("checkpoint_signed", number=made.number, events=made.events, root=made.root.hex())


async def _for_ever(what: str, work: Callable[[], Awaitable[object]], every_s: float) -> None:
    while True:
        try:
            await work()
        except Exception as error:  # PostgreSQL is away or busy: the process stays up and tries again
            log.warning("maintenance_waits", what=what, error=f"{type(error).__name__}: {error}")
        await asyncio.sleep(every_s)
