"""A stream's history, its fold, and streams by owner."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from holdfast.eventstore.database import Transaction
from holdfast.eventstore.kinds import RecordedEvent, Stream
from holdfast.eventstore.rows import EVENT_COLUMNS, load_event
from holdfast.eventstore.slices import map_in_slices

_HISTORY = f"""
SELECT {EVENT_COLUMNS} FROM events
 WHERE stream_id = $1 AND version >= $2 AND version <= $3 ORDER BY version LIMIT $4
"""
_NO_LIMIT = 2**62


async def history(
    tx: Transaction,
    stream_id: str,
    from_version: int = 1,
    to_version: int | None = None,
    limit: int | None = None,
) -> list[RecordedEvent]:
    """A stream's events from one version to another, both included, oldest first; empty if there are none."""
    rows = await tx.fetch(_HISTORY, stream_id, from_version, to_version or _NO_LIMIT, limit or _NO_LIMIT)
    return await map_in_slices(load_event, rows)


_NEWEST_EVENTS = f"""
SELECT {EVENT_COLUMNS}
  FROM (SELECT *, sum(pg_column_size(data)) OVER (ORDER BY version DESC) - pg_column_size(data) AS newer
          FROM events WHERE stream_id = $1 AND version > $2 AND version <= $3) AS page
 WHERE newer < $4 ORDER BY version
"""
_PAGE_BYTES = 256 * 1024  # as stored: 1,000 changes of stock are 100 KiB, a cart of 2,000 lines put back is 20


async def newest_events(tx: Transaction, stream_id: str, to_version: int, limit: int) -> list[RecordedEvent]:
    """A stream's last events up to a version, oldest first: at most `limit`, fewer if they are large."""
    rows = await tx.fetch(_NEWEST_EVENTS, stream_id, to_version - limit, to_version, _PAGE_BYTES)
    return await map_in_slices(load_event, rows)


def folded(stream: Stream[Any], event: RecordedEvent) -> Stream[Any]:
    """The stream after its next event, with all that the event tells: state, version, owner, `created_at`."""
    return replace(
        stream,
        owner=stream.owner if stream.exists else event.metadata.owner,
        created_at=stream.created_at or event.recorded_at,
        version=event.version,
        state=stream.kind.evolve(stream.state, stream.kind.read(event)),
    )
