"""Signed checkpoints: what the event store held at a moment, which its owner cannot deny later.

A checkpoint covers every event up to a position. Its root is SHA-256 over the root of the checkpoint before (32 zero
bytes before the first) and, in the order of positions, the position (8 bytes, big-endian) and the hash (chain.py) of
each event since. The signature covers the number, the position, the count of all events so far, the time and the root.
What is newer than the last checkpoint is not covered yet.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

import asyncpg

from holdfast.eventstore.chain import microseconds
from holdfast.eventstore.connections import CLIENT_ERRORS, Connection
from holdfast.eventstore.database import Database
from holdfast.eventstore.translation import translated

Sign = Callable[[bytes], bytes]
"""Gives the signature of a message."""
Signed = Callable[[bytes, bytes], bool]
"""Whether the first is a signature of the second."""

_CONTEXT: Final = b"holdfast checkpoint 1"
_PAGE: Final = 10_000
_OTHERS_END_WITHIN_S: Final = 30.0  # no transaction of a service lasts longer than its deadline, seconds
_POLL_S: Final = 0.05

CHECKPOINT_COLUMNS: Final = "number, position, events, root, signed_at, signature"
_LAST: Final = f"SELECT {CHECKPOINT_COLUMNS} FROM checkpoints ORDER BY number DESC LIMIT 1"
_NEWEST_POSITION: Final = "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM events_position_seq"
_OWN_TRANSACTION: Final = "SELECT pg_current_xact_id()::text"
_ALL_BEFORE_ENDED: Final = "SELECT pg_snapshot_xmin(pg_current_snapshot()) > $1::text::xid8"
_EVENTS: Final = "SELECT position, hash FROM events WHERE position > $1 AND position <= $2 ORDER BY position LIMIT $3"
_INSERT: Final = f"INSERT INTO checkpoints ({CHECKPOINT_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6)"


class CheckpointLate(Exception):
    """A transaction that may still add an event before the checkpoint's position has not ended for 30 s."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """`events`: how many there are up to `position`, from the first on. `root` is 32 bytes, `signed_at` aware."""

    number: int
    position: int
    events: int
    root: bytes
    signed_at: datetime
    signature: bytes = b""

    @property
    def message(self) -> bytes:
        """What is signed."""
        numbers = (self.number, self.position, self.events, microseconds(self.signed_at))
        return _CONTEXT + b"".join(number.to_bytes(8) for number in numbers) + self.root


NOTHING: Final = Checkpoint(0, 0, 0, bytes(32), datetime.fromtimestamp(0, UTC))
"""What the first checkpoint follows."""


def checkpoint_of(row: asyncpg.Record) -> Checkpoint:
    """A row of CHECKPOINT_COLUMNS."""
    return Checkpoint(*row)


class Root:
    """The root of the checkpoint after `before`, event by event."""

    def __init__(self, before: Checkpoint) -> None:
        self._digest = hashlib.sha256(before.root)
        self.events = before.events

    def add(self, position: int, event_hash: bytes) -> None:
        self._digest.update(position.to_bytes(8) + event_hash)
        self.events += 1

    @property
    def value(self) -> bytes:
        return self._digest.digest()


async def sign_checkpoint(owner: Database, sign: Sign, now: datetime) -> Checkpoint | None:
    """Sign what the store holds; None if nothing is new since the last checkpoint.

    Harmless if two do it at once: one of them raises `asyncpg.UniqueViolationError`. Raises `CheckpointLate` and
    `DatabaseUnavailable`.
    """
    connection = await owner.connect(settings={"statement_timeout": "60000"})
    try:
        position = await _settled_position(connection)
        row = await connection.fetchrow(_LAST)
        before = NOTHING if row is None else checkpoint_of(row)
        root, at = Root(before), before.position
        while rows := await connection.fetch(_EVENTS, at, position, _PAGE):
            for at, event_hash in rows:
                root.add(at, event_hash)
        if root.events == before.events:
            return None
        made = Checkpoint(before.number + 1, position, root.events, root.value, now)
        made = replace(made, signature=sign(made.message))
        await connection.execute(
            _INSERT, made.number, made.position, made.events, made.root, made.signed_at, made.signature
        )
        return made
    except CLIENT_ERRORS as error:
        raise translated(error, closed=connection.is_closed()) from error
    finally:
        connection.terminate()


async def _settled_position(connection: Connection) -> int:
    """A position up to which no event can come any more.

    An event's position is taken after its transaction has got its number, since `append` writes the stream first. So
    once the newest position is read, only transactions with a lower number than one that begins now can hold an older
    position. (The snapshot's xmax is no such number: it follows the last one that has ended.)
    """
    position: int = await connection.fetchval(_NEWEST_POSITION)
    transaction: str = await connection.fetchval(_OWN_TRANSACTION)
    try:
        async with asyncio.timeout(_OTHERS_END_WITHIN_S):
            while not await connection.fetchval(_ALL_BEFORE_ENDED, transaction):  # noqa: ASYNC110
                await asyncio.sleep(_POLL_S)
    except TimeoutError:
        raise CheckpointLate(f"a transaction has run for {_OTHERS_END_WITHIN_S:.0f} s") from None
    return position
