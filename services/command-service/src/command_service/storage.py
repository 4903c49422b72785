"""PostgreSQL as the processes of this package use it: pools with their breakers, and the schema that they wait for."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from importlib.resources import files

import structlog

from command_service.adapters.credentials import normalise_emails
from holdfast.eventstore import (
    EVENT_STORE,
    EVENT_STORE_PRIVILEGES,
    Database,
    MigrationSet,
    PoolSettings,
    Privileges,
    outcome_of,
    require_schema,
)
from holdfast.resilience.deadline import Deadline
from holdfast.resilience.errors import ResilienceError
from holdfast.resilience.guard import Guard
from holdfast.resilience.protections import PROTECTIONS
from holdfast.resilience.settings import BulkheadSettings, GuardSettings

log = structlog.get_logger(__name__)
MIGRATIONS: tuple[MigrationSet, ...] = (
    EVENT_STORE,
    MigrationSet("command-service", files("command_service").joinpath("migrations"), steps={4: normalise_emails}),
)
PRIVILEGES: tuple[Privileges, ...] = (
    EVENT_STORE_PRIVILEGES,
    {
        "payment_work": "SELECT, INSERT, UPDATE, DELETE",
        "credentials": "SELECT, INSERT, UPDATE",
        "revocations": "SELECT, INSERT",
        "first_admin": "SELECT, INSERT",
    },
)
"""What the services' role may do; the tables of command-service beside those of the event store."""

_PAUSE_S = (0.1, 2.0)  # background work: 0.1 s, doubling to 2 s (RESILIENCE 2)
_WATCH_EVERY_S = 0.25  # as replicas are probed: three missed looks open the breakers in a second
_WATCH_LIMIT_S = 0.3  # an answer takes 2 ms, on a busy machine tens of them
_WATCH_POOL = "watch"  # one connection behind no guard: a breaker must not refuse who finds out whether it may close

Preparation = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Pool:
    """One pool of connections: its name in `Database`, its dependency's name in /status, its sizes."""

    name: str
    dependency: str
    settings: PoolSettings
    bulkhead: BulkheadSettings


class Storage:
    """The database, each pool behind its own bulkhead and breaker, so that a queue for hot products stops no cart.

    `opened` surrounds the life of a process.
    """

    def __init__(self, dsn: str, application: str, pools: Sequence[Pool]) -> None:
        self.guards = {
            pool.name: Guard(pool.dependency, GuardSettings(pool.bulkhead), classify=outcome_of, waits_for_probe=True)
            for pool in pools
        }
        self.database = Database(
            dsn,
            application=application,
            default_pool=next(pool.settings for pool in pools if pool.name == "default"),
            pools={pool.name: pool.settings for pool in pools if pool.name != "default"}
            | {_WATCH_POOL: PoolSettings(size=1)},
            guards=self.guards,
        )
        self.prepared = asyncio.Event()

    @property
    def states(self) -> dict[str, str]:
        """Dependency to `up` or what is wrong, for /readyz."""
        return {guard.name: self._state(guard) for guard in self.guards.values()}

    def _state(self, guard: Guard) -> str:
        if not self.prepared.is_set():
            return "not prepared"
        state = guard.breaker.state
        return "up" if state == "closed" else f"breaker {state}"

    @asynccontextmanager
    async def opened(
        self,
        preparations: Sequence[Preparation] = (),
        *,
        schema: Preparation | None = None,
        work: Callable[[], Awaitable[None]] | None = None,
    ) -> AsyncIterator[None]:
        """Runs `prepare` and, once the schema is there, `work` in the background; ends both and closes the database
        at the end.
        """
        background = [asyncio.create_task(self.prepare(preparations, schema=schema))]
        if work is not None:
            background.append(asyncio.create_task(self._when_prepared(work)))
        try:
            yield
        finally:
            for task in background:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
            self.database.close()

    async def _when_prepared(self, work: Callable[[], Awaitable[None]]) -> None:
        await self.prepared.wait()
        await work()

    async def prepare(self, preparations: Sequence[Preparation] = (), *, schema: Preparation | None = None) -> None:
        """Wait for the schema, then do `preparations` in order, each until it succeeds; watch PostgreSQL all the while.

        Preparations may use the database, must be repeatable, and have the service's traffic beside them. `schema`
        makes the schema instead of waiting for it.
        """
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._watch())
            await _until_done("schema", schema or self._schema)
            self.prepared.set()
            for number, preparation in enumerate(preparations, 1):
                await _until_done(f"preparation {number}", preparation)

    async def _watch(self) -> None:
        """Look at PostgreSQL four times a second and tell every pool's breaker, so that no shopper has to find out."""
        loop = asyncio.get_running_loop()
        while True:
            next_s = loop.time() + _WATCH_EVERY_S
            if "probe" in PROTECTIONS.on:
                answers = await self._look()
                for guard in self.guards.values():
                    if answers:
                        guard.breaker.probe_succeeded()
                    else:
                        guard.probe_missed()
            await asyncio.sleep(max(0.0, next_s - loop.time()))

    async def _schema(self) -> None:
        await require_schema(self.database, *MIGRATIONS)

    async def _look(self) -> bool:
        """Whether a small transaction was answered in time."""
        try:
            async with self.database.transaction(Deadline.after(_WATCH_LIMIT_S), _WATCH_POOL) as tx:
                await tx.fetchval("SELECT 1")
        except ResilienceError as error:
            log.debug("postgresql_away", error=str(error))
            return False
        except Exception as error:  # whatever it is, watching goes on
            log.warning("postgresql_odd", error=f"{type(error).__name__}: {error}")
            return False
        return True


async def _until_done(what: str, work: Preparation) -> None:
    pause_s, longest_s = _PAUSE_S
    while True:
        try:
            await work()
            return
        except Exception as error:  # whatever it is, the process stays up and says so
            log.warning("not_prepared", what=what, error=f"{type(error).__name__}: {error}", again_in_s=pause_s)
        await asyncio.sleep(pause_s)
        pause_s = min(pause_s * 2, longest_s)
