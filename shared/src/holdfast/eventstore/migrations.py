"""Numbered SQL files, applied once each, in order, by the owner of the tables; others wait until they are.

A set is a directory of `NNNN_name.sql` files without gaps. Applied files are remembered with their checksum: a file
changed afterwards is refused, for databases would differ without anyone knowing.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from importlib.resources.abc import Traversable

import asyncpg

from holdfast.eventstore.chain import hash_stored_events
from holdfast.eventstore.connections import CLIENT_ERRORS, Connection
from holdfast.eventstore.database import Database
from holdfast.eventstore.translation import translated

# Two-int lock space, shared with the relay's leadership; keys of commands live in the bigint space (CORRECTNESS 2).
LOCK_SPACE = 0x484F4C44
MIGRATION_LOCK = 1

_FILE_NAME = re.compile(r"(\d{4})_\w+\.sql")
# A starter that is stopped while it migrates loses its session, and with it the lock, after this.
_SESSION_SETTINGS = {"idle_session_timeout": "10000", "idle_in_transaction_session_timeout": "10000"}

_TABLE = """
CREATE TABLE IF NOT EXISTS migrations (
    source     text NOT NULL,
    number     integer NOT NULL,
    name       text NOT NULL,
    checksum   text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (source, number)
)
"""


Step = Callable[[Connection], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class MigrationSet:
    """The SQL files of one owner; `source` names it for ever in the table of applied files.

    `steps`: what SQL cannot do, by the number of a file, after that file and in its transaction.
    """

    source: str
    directory: Traversable
    steps: Mapping[int, Step] = field(default_factory=dict)


EVENT_STORE = MigrationSet(
    "eventstore", files("holdfast.eventstore").joinpath("migrations"), steps={4: hash_stored_events}
)


class MigrationRefused(Exception):
    """The files cannot be applied: one has a wrong name, is missing, or was changed after it was applied."""


@dataclass(frozen=True, slots=True)
class _File:
    source: str
    number: int
    name: str
    sql: str
    step: Step | None

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()


async def migrate(database: Database, *sets: MigrationSet) -> list[str]:
    """Apply what is not applied yet, of each set in the order given. Returns `source/name` of each applied.

    Starters that come at once wait for each other (60 s at most). Each file is one transaction. Raises
    `MigrationRefused`, `DatabaseUnavailable`, `LockTimeout`, and asyncpg's errors for wrong SQL.
    """
    wanted = [file for each in sets for file in _files(each)]
    connection = await database.connect(settings={**_SESSION_SETTINGS, "lock_timeout": "60000"})
    try:
        await connection.execute("SELECT pg_advisory_lock($1, $2)", LOCK_SPACE, MIGRATION_LOCK)
        return await _apply(connection, wanted)
    except CLIENT_ERRORS as error:
        raise translated(error, closed=connection.is_closed()) from error
    finally:
        connection.terminate()  # which frees the lock, without a word that a paused server would have to answer


class SchemaIncomplete(Exception):
    """Migrations that a process needs are not applied yet; the message names the first."""


async def require_schema(database: Database, *sets: MigrationSet) -> None:
    """Returns if every file of these sets is applied. Raises `SchemaIncomplete`, `DatabaseUnavailable`, and
    `MigrationRefused` for a file that was changed after it was applied."""
    wanted = [file for each in sets for file in _files(each)]
    connection = await database.connect()
    try:
        applied = await _applied(connection)
    except asyncpg.UndefinedTableError:
        applied = {}
    except CLIENT_ERRORS as error:
        raise translated(error, closed=connection.is_closed()) from error
    finally:
        connection.terminate()
    missing = [file for file in wanted if not _is_applied(file, applied)]
    if missing:
        raise SchemaIncomplete(
            f"{missing[0].source}/{missing[0].name} is not applied yet, the process migrations does it"
        )


async def _applied(connection: Connection) -> Mapping[tuple[str, int], str]:
    """The checksums of the applied files, by source and number."""
    rows = await connection.fetch("SELECT source, number, checksum FROM migrations")
    return {(row["source"], row["number"]): row["checksum"] for row in rows}


def _is_applied(file: _File, applied: Mapping[tuple[str, int], str]) -> bool:
    checksum = applied.get((file.source, file.number))
    if checksum not in (None, file.checksum):
        raise MigrationRefused(f"{file.source}/{file.name} was changed after it had been applied")
    return checksum is not None


async def _apply(connection: Connection, wanted: Sequence[_File]) -> list[str]:
    await connection.execute(_TABLE)
    applied = await _applied(connection)
    done = []
    for file in wanted:
        if not _is_applied(file, applied):
            async with connection.transaction():
                await connection.execute(file.sql)
                if file.step is not None:
                    await file.step(connection)
                await connection.execute(
                    "INSERT INTO migrations (source, number, name, checksum) VALUES ($1, $2, $3, $4)",
                    file.source,
                    file.number,
                    file.name,
                    file.checksum,
                )
            done.append(f"{file.source}/{file.name}")
    return done


def _files(migration_set: MigrationSet) -> list[_File]:
    found: list[_File] = []
    for entry in sorted(migration_set.directory.iterdir(), key=lambda entry: entry.name):
        if not entry.name.endswith(".sql"):
            continue
        match = _FILE_NAME.fullmatch(entry.name)
        if match is None or int(match[1]) != len(found) + 1:
            raise MigrationRefused(f"{migration_set.source}/{entry.name} should be {len(found) + 1:04}_<name>.sql")
        number, sql = int(match[1]), entry.read_text(encoding="utf-8")
        found.append(_File(migration_set.source, number, entry.name, sql, migration_set.steps.get(number)))
    if not found:
        raise MigrationRefused(f"{migration_set.source} has no SQL files in {migration_set.directory}")
    return found
