"""Connections to PostgreSQL: how they are opened, and a small pool of them.

The pool is our own because asyncpg's waits where this project must not: without end for a connection, and for
ROLLBACK and reset on release while the server is paused (CORRECTNESS 25, 26). Nothing here waits for a broken
connection: it is terminated and forgotten.
"""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass

import asyncpg

from holdfast.eventstore.errors import DEPENDENCY, DatabaseTimeout, DatabaseUnavailable, PoolExhausted
from holdfast.resilience.deadline import Deadline
from holdfast.resilience.protections import PROTECTIONS

Connection = asyncpg.Connection
CLIENT_ERRORS = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
"""All that asyncpg raises. The last comes where the server has ended an idle session and nobody has noticed yet."""

CONNECT_TIMEOUT_S = 1.0  # a TCP and PostgreSQL handshake takes 5 ms; a server that swallows packets gets no more

# A peer that vanished without a word (a partition, a lost container) is noticed by the kernel: idle connections by
# keep-alive probes after 5 s + 3 * 1 s, ones that wait for an acknowledgement after 5 s.
_SOCKET_OPTIONS = {"TCP_KEEPIDLE": 5, "TCP_KEEPINTVL": 1, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 5000}

_SERVER_SETTINGS = {
    # What a stopped client would otherwise hold for ever: its locks.
    "idle_in_transaction_session_timeout": "2000",
    "jit": "off",
    # Every statement finds its rows by an index whatever its arguments are. Those with an array PostgreSQL would plan
    # anew each time, as it expects ten elements where there is one: with the four partitions of keys that is 0.4 ms.
    "plan_cache_mode": "force_generic_plan",
}


async def connect(
    dsn: str,
    *,
    application: str,
    timeout_s: float = CONNECT_TIMEOUT_S,
    settings: dict[str, str] | None = None,
    dependency: str = DEPENDENCY,
) -> Connection:
    """A new connection with `settings` as its server settings (values as PostgreSQL writes them).

    Raises `DatabaseUnavailable` when there is none after `timeout_s` seconds.
    """
    try:
        connection = await asyncpg.connect(
            dsn,
            timeout=timeout_s,
            max_cached_statement_lifetime=0,  # a plan is kept as long as its connection; asyncpg's default is 300 s
            server_settings={"application_name": application, **_SERVER_SETTINGS, **(settings or {})},
        )
    except (TimeoutError, *CLIENT_ERRORS) as error:
        raise DatabaseUnavailable(describe(error), reason="connect", dependency=dependency) from error
    _notice_vanished_peers(connection)
    return connection


def describe(error: BaseException) -> str:
    """An error in one line, also when it has no text of its own (TimeoutError)."""
    return f"{type(error).__name__}: {error}".rstrip(": ")


def _notice_vanished_peers(connection: Connection) -> None:
    transport: asyncio.Transport = connection._transport  # type: ignore[attr-defined]  # no public way to it
    sock = transport.get_extra_info("socket")
    if sock is None or sock.family not in (socket.AF_INET, socket.AF_INET6):
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _SOCKET_OPTIONS.items():
        if option := getattr(socket, name, None):
            sock.setsockopt(socket.IPPROTO_TCP, option, value)


@dataclass(frozen=True, slots=True)
class PoolSettings:
    """`size` connections at most, opened when wanted; `acquire_timeout_s` is how long to queue, first come first
    served, for one."""

    size: int = 16
    acquire_timeout_s: float = 0.1


DEFAULT_POOL = PoolSettings()
CHECKOUT_POOL = PoolSettings(size=8, acquire_timeout_s=0.6)  # CORRECTNESS 5


class ConnectionPool:
    """At most `settings.size` connections in use; the most recently used idle one is handed out first."""

    def __init__(
        self, name: str, dsn: str, application: str, settings: PoolSettings, *, dependency: str = DEPENDENCY
    ) -> None:
        self.name = name
        self.dependency = dependency
        self.settings = settings
        self._dsn = dsn
        self._application = application
        self._free = asyncio.Semaphore(settings.size)
        self._idle: list[Connection] = []
        self._in_use: set[Connection] = set()

    async def acquire(self, deadline: Deadline) -> Connection:
        """A connection, to be given back with `release`.

        Raises `PoolExhausted`, `DatabaseUnavailable`, or `DatabaseTimeout` when the deadline runs out while connecting.
        """
        wait_s = deadline.remaining_s()
        if "bulkhead" in PROTECTIONS.on:
            wait_s = min(self.settings.acquire_timeout_s, wait_s)
        try:
            async with asyncio.timeout(wait_s):
                await self._free.acquire()
        except TimeoutError:
            raise PoolExhausted(self.name, wait_s) from None
        try:
            connection = self._newest_idle() or await self._connect(deadline)
        except BaseException:
            self._free.release()
            raise
        self._in_use.add(connection)
        return connection

    def release(self, connection: Connection) -> None:
        """Take a connection back; a closed or terminated one is forgotten. Never waits."""
        self._in_use.discard(connection)
        if not connection.is_closed():
            self._idle.append(connection)
        self._free.release()

    def terminate(self) -> None:
        """Break every connection off, also those in use."""
        for connection in [*self._idle, *self._in_use]:
            connection.terminate()
        self._idle.clear()

    def _newest_idle(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                return connection
        return None

    async def _connect(self, deadline: Deadline) -> Connection:
        left_s = deadline.remaining_s()
        if left_s <= 0:
            raise DatabaseTimeout(waited_s=0.0, dependency=self.dependency)
        timeout_s = min(CONNECT_TIMEOUT_S, left_s)
        try:
            return await connect(
                self._dsn, application=self._application, timeout_s=timeout_s, dependency=self.dependency
            )
        except DatabaseUnavailable as error:
            if deadline.expired:
                raise DatabaseTimeout(waited_s=left_s, dependency=self.dependency) from error
            raise
