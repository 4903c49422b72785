"""The hash of each event, chained over its stream, so that a changed, removed or inserted event shows.

The hash of version n is SHA-256 over the hash of version n-1 (32 zero bytes before the first) and the event as JSON:
`[stream_id, version, type, schema_version, data, metadata, recorded_at]`, without spaces, object keys sorted, and
`recorded_at` in microseconds since 1970. This form is stored for good: it must never change.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Final

import asyncpg
import orjson

from holdfast.eventstore.connections import Connection
from holdfast.eventstore.kinds import START_HASH, JsonObject
from holdfast.eventstore.rows import EVENT_COLUMNS

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_BATCH: Final = 1000


def microseconds(time: datetime) -> int:
    """Since 1970, exactly; `time` is aware."""
    return (time - _EPOCH) // _MICROSECOND


def event_hash(
    before: bytes,
    stream_id: str,
    version: int,
    event_type: str,
    schema_version: int,
    data: JsonObject,
    metadata: JsonObject,
    recorded_at: datetime,
) -> bytes:
    """32 bytes. `before` is the hash of the version before; `recorded_at` is aware."""
    content = [stream_id, version, event_type, schema_version, data, metadata, microseconds(recorded_at)]
    return hashlib.sha256(before + orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).digest()


def row_hash(before: bytes, row: asyncpg.Record) -> bytes:
    """The same of a row of EVENT_COLUMNS, whatever hash is stored in it."""
    return event_hash(
        before,
        row["stream_id"],
        row["version"],
        row["type"],
        row["schema_version"],
        orjson.loads(row["data"]),
        orjson.loads(row["metadata"]),
        row["recorded_at"],
    )


_UNFILLED: Final = f"""
SELECT {EVENT_COLUMNS} FROM events WHERE (stream_id, version) > ($1::text COLLATE "C", $2::bigint)
 ORDER BY stream_id, version LIMIT $3
"""
_FILL: Final = """
UPDATE events SET hash = filled.hash FROM unnest($1::bigint[], $2::bytea[]) AS filled(position, hash)
 WHERE events.position = filled.position
"""
_FILL_STREAMS: Final = """
UPDATE streams SET hash = coalesce(
    (SELECT hash FROM events WHERE events.stream_id = streams.stream_id AND events.version = streams.version), $1)
"""


async def hash_stored_events(connection: Connection) -> None:
    """Chain the events that were stored before events had hashes; part of the transaction of migration 0004."""
    await connection.execute("ALTER TABLE events DISABLE TRIGGER events_are_append_only")
    stream_id, version, before = "", 0, START_HASH
    while rows := await connection.fetch(_UNFILLED, stream_id, version, _BATCH):
        hashes = []
        for row in rows:
            before = row_hash(before if row["stream_id"] == stream_id else START_HASH, row)
            stream_id, version = row["stream_id"], row["version"]
            hashes.append(before)
        await connection.execute(_FILL, [row["position"] for row in rows], hashes)
    await connection.execute(_FILL_STREAMS, START_HASH)
    await connection.execute("ALTER TABLE events ENABLE TRIGGER events_are_append_only")
    for table in ("events", "streams"):
        await connection.execute(f"ALTER TABLE {table} ALTER COLUMN hash SET NOT NULL, ADD CHECK (length(hash) = 32)")
