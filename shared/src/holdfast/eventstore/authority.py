"""The role that the services connect as: it reads and appends, and can neither change nor remove an event (ADR 23).

The owner of the tables, which only the process `migrations` is, gives it exactly the privileges it needs.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Self
from urllib.parse import unquote, urlsplit

import asyncpg

from holdfast.eventstore.connections import CLIENT_ERRORS, CONNECT_TIMEOUT_S, Connection
from holdfast.eventstore.database import Database
from holdfast.eventstore.translation import translated

Privileges = Mapping[str, str]
"""Privileges as GRANT takes them, by table."""

EVENT_STORE_PRIVILEGES: Final[Privileges] = {
    "streams": "SELECT, INSERT, UPDATE",
    "events": "SELECT, INSERT",
    "outbox": "SELECT, INSERT, DELETE",
    "snapshots": "SELECT, INSERT",
    "idempotency": "SELECT, INSERT, UPDATE",
    "checkpoints": "SELECT",
    "migrations": "SELECT",
}

_ITERATIONS: Final = 4096  # as PostgreSQL's own scram_iterations
_POWERS: Final = "rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls"


class RoleRefused(Exception):
    """The services' role cannot be what it has to be; the message says why."""


@dataclass(frozen=True, slots=True)
class ServiceRole:
    """Name and password of the services' role."""

    name: str
    password: str = field(repr=False)

    @classmethod
    def of_dsn(cls, dsn: str) -> Self:
        """Raises RoleRefused if the DSN names no user with a password."""
        parts = urlsplit(dsn)
        if not parts.username or not parts.password:
            raise RoleRefused("the services' DSN names no user with a password")
        return cls(unquote(parts.username), unquote(parts.password))


async def authorise(owner: Database, service_dsn: str, *privileges: Privileges) -> None:
    """Give the role of `service_dsn` exactly these privileges on the owner's tables. Makes the role if there is none,
    and sets its password unless it can connect with it.

    Raises `RoleRefused` and `DatabaseUnavailable`.
    """
    role = ServiceRole.of_dsn(service_dsn)
    connection = await owner.connect(settings={"lock_timeout": "10000"})
    try:
        await _require_weak(connection, role)
        if not await _connects(service_dsn):
            await _set_password(connection, role)
        async with connection.transaction():
            await _grant(connection, role.name, {table: each for one in privileges for table, each in one.items()})
    except CLIENT_ERRORS as error:
        raise translated(error, closed=connection.is_closed()) from error
    finally:
        connection.terminate()


async def _require_weak(connection: Connection, role: ServiceRole) -> None:
    if role.name == await connection.fetchval("SELECT current_user"):
        raise RoleRefused(f"the services connect as {role.name}, the owner of the tables")
    if await connection.fetchval(f"SELECT {_POWERS} FROM pg_roles WHERE rolname = $1", role.name):
        raise RoleRefused(f"the services connect as {role.name}, which may do more than read and write tables")
    owned = await connection.fetchval("SELECT min(tablename) FROM pg_tables WHERE tableowner = $1", role.name)
    if owned is not None:
        raise RoleRefused(f"the services connect as {role.name}, which owns the table {owned}")


async def _connects(dsn: str) -> bool:
    try:
        connection = await asyncpg.connect(dsn, timeout=CONNECT_TIMEOUT_S)
    except (asyncpg.InvalidPasswordError, asyncpg.InvalidAuthorizationSpecificationError):
        return False
    connection.terminate()
    return True


async def _set_password(connection: Connection, role: ServiceRole) -> None:
    """Make the role or change it. The server gets no password, only what verifies one, so that no log holds it."""
    name, verifier = _identifier(role.name), scram_verifier(role.password, secrets.token_bytes(16))
    try:
        await connection.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{verifier}'")
    except (asyncpg.DuplicateObjectError, asyncpg.UniqueViolationError):
        await connection.execute(f"ALTER ROLE {name} LOGIN PASSWORD '{verifier}'")


async def _grant(connection: Connection, role: str, privileges: Privileges) -> None:
    name = _identifier(role)
    statements = [
        f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC, {name}",
        f"REVOKE CREATE ON SCHEMA public FROM PUBLIC, {name}",
        f"GRANT USAGE ON SCHEMA public TO {name}",
        *(f"GRANT {each} ON {_identifier(table)} TO {name}" for table, each in privileges.items()),
    ]
    await connection.execute("; ".join(statements))


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def scram_verifier(password: str, salt: bytes) -> str:
    """What PostgreSQL keeps of a password (RFC 5803, SCRAM-SHA-256)."""
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, _ITERATIONS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    salt64, stored64, server64 = (base64.b64encode(each).decode() for each in (salt, stored, server))
    return f"SCRAM-SHA-256${_ITERATIONS}:{salt64}${stored64}:{server64}"
