"""How streams and events stand in the tables, and back."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import asyncpg
import orjson

from holdfast.eventstore.kinds import START_HASH, EventMetadata, JsonObject, Kind, Metadata, RecordedEvent, Stream

STREAM_COLUMNS = "stream_id, kind, owner, created_at, version, state, hash"
EVENT_COLUMNS = "position, stream_id, version, type, schema_version, data, metadata, recorded_at"


def dump_json(value: Any) -> str:
    """JSON as asyncpg takes it for text and jsonb."""
    return orjson.dumps(value).decode()


def dump_metadata(metadata: EventMetadata) -> JsonObject:
    """An event's metadata; what is None is left out."""
    audit = metadata.audit
    row: JsonObject = {
        "actor": audit.actor,
        "correlation_id": audit.correlation_id,
        "causation_id": audit.causation_id,
        "traceparent": audit.traceparent,
        "owner": metadata.owner,
    }
    return {name: value for name, value in row.items() if value is not None}


def load_metadata(row: JsonObject) -> EventMetadata:
    """The reverse of `dump_metadata`. Older events hold their command's key as well, which is not needed any more."""
    return EventMetadata(
        Metadata(
            actor=row.get("actor"),
            correlation_id=row.get("correlation_id"),
            causation_id=row.get("causation_id"),
            traceparent=row.get("traceparent"),
        ),
        owner=row.get("owner"),
    )


def load_event(row: asyncpg.Record) -> RecordedEvent:
    """A row of EVENT_COLUMNS."""
    recorded_at: datetime = row["recorded_at"]
    return RecordedEvent(
        position=row["position"],
        stream_id=row["stream_id"],
        version=row["version"],
        type=row["type"],
        schema_version=row["schema_version"],
        data=orjson.loads(row["data"]),
        metadata=load_metadata(orjson.loads(row["metadata"])),
        recorded_at=recorded_at,
    )


def load_stream(kind: Kind[Any, Any], row: asyncpg.Record) -> Stream[Any]:
    """A row of STREAM_COLUMNS."""
    return Stream(
        stream_id=row["stream_id"],
        kind=kind,
        owner=row["owner"],
        created_at=row["created_at"],
        version=row["version"],
        state=kind.load_state(orjson.loads(row["state"])),
        hash=row["hash"],
    )


def absent(kind: Kind[Any, Any], stream_id: str) -> Stream[Any]:
    """A stream that is not stored: version 0, initial state."""
    return Stream(stream_id, kind, owner=None, created_at=None, version=0, state=kind.initial(), hash=START_HASH)
