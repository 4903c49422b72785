"""The one connection of a leading relay: while it lives, nobody else publishes (CORRECTNESS 13)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

import asyncpg

from holdfast.eventstore.connections import CLIENT_ERRORS, Connection, connect
from holdfast.eventstore.migrations import LOCK_SPACE

RELAY_LOCK: Final = 2  # beside migrations.MIGRATION_LOCK in the two-int space

STATEMENT_LIMIT_S: Final = 2.0  # each takes a few ms; a server that answers no more is a lost one
# A session that says nothing for 3 s is ended by the server, and its lock with it: so a stopped leader is replaced. It
# has to be spoken to more often than that, also while Kafka is waited for.
KEEP_ALIVE_S: Final = 1.0
_SETTINGS: Final = {
    "idle_session_timeout": "3000",
    "tcp_user_timeout": "3000",
    "tcp_keepalives_idle": "2",
    "tcp_keepalives_interval": "1",
    "tcp_keepalives_count": "2",
    "statement_timeout": "2000",
}

T = TypeVar("T")


class LeadershipLost(Exception):
    """The session broke or did not answer in time: another relay may lead by now. `reason` says what was seen."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the relay's session is lost: {reason}")
        self.reason = reason


class LeaderSession:
    """Statements on the leader's connection, each at most STATEMENT_LIMIT_S long. One at a time.

    Every method raises `LeadershipLost`.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def fetch(self, query: str, *args: Any) -> list[asyncpg.Record]:
        """Every row."""
        return await self._limited(self._connection.fetch(query, *args))

    async def fetchrow(self, query: str, *args: Any) -> asyncpg.Record:
        """The one row."""
        row = await self._limited(self._connection.fetchrow(query, *args))
        if row is None:
            raise LookupError(f"no row of {query}")
        return row

    async def execute(self, query: str, *args: Any) -> None:
        await self._limited(self._connection.execute(query, *args))

    async def try_lead(self) -> bool:
        """Take the lock if no other session has it. Asking again keeps the session alive."""
        row = await self.fetchrow("SELECT pg_try_advisory_lock($1, $2) AS leads", LOCK_SPACE, RELAY_LOCK)
        return bool(row["leads"])

    def terminate(self) -> None:
        """Break the connection off, which frees the lock."""
        self._connection.terminate()

    async def _limited(self, answer: Awaitable[T]) -> T:
        # A timer that breaks the connection off, rather than a cancelled statement: asyncpg would wait for the
        # cancellation's own answer, from a server that does not answer (CORRECTNESS 25).
        timer = asyncio.get_running_loop().call_later(STATEMENT_LIMIT_S, self._connection.terminate)
        try:
            return await answer
        except CLIENT_ERRORS as error:
            self._connection.terminate()
            raise LeadershipLost(f"{type(error).__name__}: {error}") from error
        finally:
            timer.cancel()


@asynccontextmanager
async def open_session(dsn: str, application: str) -> AsyncIterator[LeaderSession]:
    """A session that does not lead yet. Raises `DatabaseUnavailable`."""
    session = LeaderSession(await connect(dsn, application=application, settings=_SETTINGS))
    try:
        yield session
    finally:
        session.terminate()
