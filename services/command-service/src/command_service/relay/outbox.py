"""Reading the outbox in order and deleting what Kafka has acknowledged (CORRECTNESS 11)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from command_service.relay.session import LeaderSession
from holdfast.eventstore import RecordedEvent
from holdfast.eventstore.rows import EVENT_COLUMNS, load_event

BATCH: Final = 200
_COUNT_AT_MOST: Final = 100_000  # counting stays under 20 ms; beyond this the exact number helps nobody

# now() is the start of the statement and its snapshot is taken after that: whatever was committed before `read_at` is
# among the rows or was published earlier.
_READ_ROWS = """
SELECT now() AS read_at, rows.*
  FROM (VALUES (1)) AS always
  LEFT JOIN (SELECT id, position FROM outbox WHERE id <> ALL($1) ORDER BY id LIMIT $2) AS rows ON true
 ORDER BY rows.id
"""
# Two statements: one joined, planned while the table was empty, took 108 ms a poll at 60,000 rows.
_READ_EVENTS = f"SELECT {EVENT_COLUMNS} FROM events WHERE position = ANY($1)"
_DELETE = "DELETE FROM outbox WHERE id = ANY($1)"
_LOOK = """
SELECT (SELECT count(*) FROM (SELECT FROM outbox LIMIT $1) AS counted) AS pending,
       (SELECT extract(epoch FROM clock_timestamp() - recorded_at)::float8
          FROM events WHERE position = (SELECT position FROM outbox ORDER BY id LIMIT 1)) AS oldest_s
"""


@dataclass(frozen=True, slots=True)
class Batch:
    """The next rows, oldest first: each row's id with its event, None if there is no such event.

    `last` tells that there were no more: all that was committed before `read_at` is in this batch or was in an
    earlier one.
    """

    rows: Sequence[tuple[int, RecordedEvent | None]]
    read_at: datetime
    last: bool


@dataclass(frozen=True, slots=True)
class Backlog:
    """How many rows wait (counted to 100,000), and the age of the oldest one's event in seconds."""

    pending: int
    oldest_s: float


async def read_batch(session: LeaderSession, held: Collection[int] = (), size: int = BATCH) -> Batch:
    """Up to `size` rows that are not among `held`."""
    found = await session.fetch(_READ_ROWS, list(held), size)
    rows = [(row["id"], row["position"]) for row in found if row["id"] is not None]
    read_at: datetime = found[0]["read_at"]
    if not rows:
        return Batch((), read_at, last=True)
    events = await session.fetch(_READ_EVENTS, list({position for _, position in rows}))
    by_position = {event.position: event for event in map(load_event, events)}
    return Batch([(id_, by_position.get(position)) for id_, position in rows], read_at, last=len(rows) < size)


async def delete_rows(session: LeaderSession, ids: Sequence[int]) -> None:
    """Forget rows by id, so that the same position queued again meanwhile stays."""
    await session.execute(_DELETE, list(ids))


async def look(session: LeaderSession) -> Backlog:
    """The backlog now; also what keeps the session alive."""
    row = await session.fetchrow(_LOOK, _COUNT_AT_MOST)
    return Backlog(row["pending"], max(0.0, row["oldest_s"] or 0.0))
