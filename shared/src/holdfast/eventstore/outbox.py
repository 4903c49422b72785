"""Putting events back into the outbox: the one repair for gaps, parked streams and lost topics (CORRECTNESS 12)."""

from __future__ import annotations

from collections.abc import AsyncIterator

from holdfast.eventstore.database import Database, Transaction
from holdfast.eventstore.errors import StreamUnknown
from holdfast.resilience.deadline import Deadline

_BATCH = 500
_STREAM_DEADLINE_S = 30.0  # a stream's lock is waited for this long: a hot product's appends take turns with it


async def requeue(tx: Transaction, stream_id: str) -> int:
    """Queue all events of a stream for publishing again, oldest first. Returns how many.

    The stream stays locked until the transaction ends, so that no append slips its version in between. Raises
    `StreamUnknown`, `LockTimeout`.
    """
    if await tx.fetchval("SELECT 1 FROM streams WHERE stream_id = $1 FOR UPDATE", stream_id) is None:
        raise StreamUnknown(stream_id)
    tag = await tx.execute(
        "INSERT INTO outbox (position) SELECT position FROM events WHERE stream_id = $1 ORDER BY version",
        stream_id,
    )
    return int(tag.split()[2])


async def requeue_kind(database: Database, kind_name: str) -> AsyncIterator[tuple[str, int]]:
    """Queue all events of every stream of a kind again, a transaction for each stream.

    Yields `(stream_id, events)` after each. What was done stays done when it breaks off; doing it twice is harmless.
    """
    last = ""
    while True:
        async with database.transaction(Deadline.after(_STREAM_DEADLINE_S)) as tx:
            rows = await tx.fetch(
                "SELECT stream_id FROM streams WHERE kind = $1 AND stream_id > $2 ORDER BY stream_id LIMIT $3",
                kind_name,
                last,
                _BATCH,
            )
        for row in rows:
            last = row["stream_id"]
            async with database.transaction(Deadline.after(_STREAM_DEADLINE_S)) as tx:
                count = await requeue(tx, last)
            yield last, count
        if len(rows) < _BATCH:
            return


async def requeue_stream(database: Database, stream_id: str) -> int:
    """`requeue` in a transaction of its own."""
    async with database.transaction(Deadline.after(_STREAM_DEADLINE_S)) as tx:
        return await requeue(tx, stream_id)
