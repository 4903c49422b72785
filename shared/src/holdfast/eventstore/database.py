"""Transactions on PostgreSQL that end at their deadline, whatever the server does (CORRECTNESS 5 and 25)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, nullcontext
from typing import Any, TypeVar

import asyncpg

from holdfast.eventstore.connections import (
    CLIENT_ERRORS,
    DEFAULT_POOL,
    Connection,
    ConnectionPool,
    PoolSettings,
    connect,
)
from holdfast.eventstore.errors import DEPENDENCY, DatabaseTimeout, TransactionAborted, ValueRefused
from holdfast.eventstore.kinds import CommandKey
from holdfast.eventstore.translation import translated
from holdfast.resilience.deadline import Deadline
from holdfast.resilience.guard import Guard

# The server gives up this much before the deadline, so that its own error, which leaves the connection usable and
# says that the server works, comes before the client breaks the connection off. Of 20 ms the tolerance below took 10
# and a busy machine the rest: a row that somebody held looked like a PostgreSQL that does not answer.
_SERVER_MARGIN_MS = 40
# Limits are set again only when they are off by more: a statement within 10 ms of the last needs no round trip.
_LIMIT_TOLERANCE_MS = 10
# A client that was stopped holds its locks no longer than this beyond its deadline.
_TRANSACTION_GRACE_MS = 200

# Class 22 and class 54, and what asyncpg raises itself when it cannot encode an argument.
_VALUE_ERRORS = (asyncpg.DataError, asyncpg.ProgramLimitExceededError)

T = TypeVar("T")


class Transaction:
    """Statements of one transaction. Each first tells the server what is left of the deadline as its
    `statement_timeout` and `lock_timeout`.

    Every method raises `DatabaseTimeout`, `DatabaseUnavailable`, `LockTimeout`, `Deadlock`, `StatementCancelled`,
    `ValueRefused`, and asyncpg's errors for what is wrong with the statement itself. Arguments are `$1`, `$2`, … as in
    asyncpg.
    """

    __slots__ = ("_connection", "_dependency", "_had_s", "_limit_at_s", "_limit_ms", "_timed_out", "deadline")

    def __init__(self, connection: Connection, deadline: Deadline, dependency: str) -> None:
        self.deadline = deadline
        self._had_s = deadline.remaining_s()
        self._dependency = dependency
        self._connection = connection
        self._timed_out = False
        self._limit_ms = 0
        self._limit_at_s = 0.0

    async def fetch(self, query: str, *args: Any) -> list[asyncpg.Record]:
        """Every row."""
        return await self._run(self._connection.fetch, query, *args)

    async def fetchrow(self, query: str, *args: Any) -> asyncpg.Record | None:
        """The first row, or None."""
        return await self._run(self._connection.fetchrow, query, *args)

    async def fetchval(self, query: str, *args: Any) -> Any:
        """The first column of the first row, or None."""
        return await self._run(self._connection.fetchval, query, *args)

    async def execute(self, query: str, *args: Any) -> str:
        """The command's tag, such as `UPDATE 3`."""
        return await self._run(self._connection.execute, query, *args)

    async def begin(self, key: CommandKey | None = None) -> None:
        """Start the transaction with its limits and wait for the lock on a key, in one round trip."""
        lock = f"; SELECT pg_advisory_xact_lock({key.lock})" if key else ""
        await self._guarded(self._connection.execute(f"BEGIN; {self._limits()}{lock}"))

    async def commit(self) -> None:
        """Raises with `committed_unknown` set when the server's answer was not seen, and `TransactionAborted` when
        the server rolled back instead."""
        if await self._guarded(self._connection.execute("COMMIT"), committing=True) != "COMMIT":
            raise TransactionAborted

    async def rollback(self) -> None:
        """Undo; a connection on which that fails is terminated."""
        undone = False
        try:
            await self._connection.execute("ROLLBACK")
            undone = True
        except CLIENT_ERRORS:
            pass  # its own error is on its way out; the server undoes what a broken connection left
        finally:
            if not undone:
                self._connection.terminate()

    def time_out(self) -> None:
        """Called at the deadline: break the connection off, which wakes whoever awaits it (CORRECTNESS 25)."""
        self._timed_out = True
        self._connection.terminate()

    async def _run(self, method: Callable[..., Awaitable[T]], query: str, *args: Any) -> T:
        left_ms = self._server_ms()
        elapsed_ms = (self.deadline.clock.now() - self._limit_at_s) * 1000
        if elapsed_ms > _LIMIT_TOLERANCE_MS and left_ms != self._limit_ms:
            await self._guarded(self._connection.execute(self._limits()))
        return await self._guarded(method(query, *args))

    def _limits(self) -> str:
        self._limit_ms = self._server_ms()
        self._limit_at_s = self.deadline.clock.now()
        return (
            f"SET LOCAL lock_timeout = {self._limit_ms}; SET LOCAL statement_timeout = {self._limit_ms + 1}; "
            f"SET LOCAL transaction_timeout = {self._limit_ms + _TRANSACTION_GRACE_MS}"
        )

    def _server_ms(self) -> int:
        return max(1, int(self.deadline.remaining_s() * 1000) - _SERVER_MARGIN_MS)

    async def _guarded(self, answer: Awaitable[T], *, committing: bool = False) -> T:
        try:
            return await answer
        except Exception as error:
            if self._timed_out:
                raise DatabaseTimeout(
                    waited_s=self._had_s, committed_unknown=committing, dependency=self._dependency
                ) from error
            closed = self._connection.is_closed()
            ours = translated(error, closed=closed, committing=committing, dependency=self._dependency)
            if ours is error and isinstance(error, _VALUE_ERRORS):
                ours = ValueRefused(str(error))
            if ours is error:
                raise
            raise ours from error


class Database:
    """PostgreSQL behind named pools. Nothing is opened before the first transaction, so a process starts and stays
    up without PostgreSQL, and recovers with it.

    `pools` are added to the pool `default`. `guards` names the guard around each pool's transactions (bulkhead and
    breaker, made with `classify=outcome_of`); errors then carry the guard's name as their dependency.
    """

    def __init__(
        self,
        dsn: str,
        *,
        application: str = "holdfast",
        default_pool: PoolSettings = DEFAULT_POOL,
        pools: Mapping[str, PoolSettings] | None = None,
        guards: Mapping[str, Guard] | None = None,
    ) -> None:
        self.dsn = dsn
        self.application = application
        self._guards = dict(guards or {})
        settings = {"default": default_pool, **(pools or {})}
        self._pools = {name: self._pool(name, each) for name, each in settings.items()}

    @asynccontextmanager
    async def transaction(
        self, deadline: Deadline, pool: str = "default", *, key: CommandKey | None = None
    ) -> AsyncIterator[Transaction]:
        """A transaction that commits at the end of the block and rolls back on any exception out of it. With `key` it
        waits for that key's lock first and holds it to its end; raises `LockTimeout`.

        It is over at the deadline, with PostgreSQL paused too, and so is the block's next await of it. Raises
        `PoolExhausted`, `DatabaseUnavailable`, `DatabaseTimeout` (see `Transaction`), and what the guard raises:
        `BulkheadFull`, `DependencyUnavailable` when its breaker is open.
        """
        source = self._pools[pool]
        guard = self._guards.get(pool)
        async with guard(deadline, enforce=False) if guard else nullcontext():
            connection = await source.acquire(deadline)
            transaction = Transaction(connection, deadline, source.dependency)
            timer = asyncio.get_running_loop().call_later(deadline.remaining_s(), transaction.time_out)
            try:
                await transaction.begin(key)
                yield transaction
                await transaction.commit()
            except Exception:
                await transaction.rollback()
                raise
            except BaseException:
                connection.terminate()  # cancelled: a ROLLBACK might wait for a paused server
                raise
            finally:
                timer.cancel()
                source.release(connection)

    async def connect(self, *, settings: dict[str, str] | None = None, timeout_s: float = 1.0) -> Connection:
        """A connection of its own outside the pools, for work without a request's deadline; the caller closes it."""
        return await connect(self.dsn, timeout_s=timeout_s, application=self.application, settings=settings)

    def close(self) -> None:
        """Break every connection off. Transactions in progress fail."""
        for pool in self._pools.values():
            pool.terminate()

    def _pool(self, name: str, settings: PoolSettings) -> ConnectionPool:
        guard = self._guards.get(name)
        dependency = guard.name if guard else DEPENDENCY
        return ConnectionPool(name, self.dsn, self.application, settings, dependency=dependency)
