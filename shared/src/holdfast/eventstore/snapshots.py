"""Snapshots: a stream's state at every 500th version, so that its state at any version is a short fold however long the
stream is (CORRECTNESS 32)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final, TypeVar

import orjson

from holdfast.eventstore.database import Database, Transaction
from holdfast.eventstore.errors import SnapshotMissing, UnknownEventType, UpcastLoop
from holdfast.eventstore.kinds import Append, Kind
from holdfast.eventstore.reading import history
from holdfast.eventstore.rows import dump_json
from holdfast.eventstore.slices import map_in_slices
from holdfast.resilience.deadline import Deadline

S = TypeVar("S")

SNAPSHOT_EVERY: Final = 500
"""Versions from one snapshot to the next: 499 events fold in 6 ms, and one snapshot in 500 appends is not felt."""

_WRITE: Final = """
INSERT INTO snapshots (stream_id, version, state)
SELECT u.stream_id, u.version, u.state::jsonb
  FROM unnest($1::text[], $2::bigint[], $3::text[]) AS u(stream_id, version, state)
ON CONFLICT DO NOTHING
"""
_READ: Final = "SELECT state FROM snapshots WHERE stream_id = $1 AND version = $2"
_MISSING: Final = """
SELECT s.stream_id, due.version
  FROM streams s CROSS JOIN LATERAL generate_series($1::bigint, s.version, $1::bigint) AS due(version)
 WHERE s.version >= $1 AND (s.stream_id, due.version) > ($2::text COLLATE "C", $3::bigint)
   AND NOT EXISTS (SELECT FROM snapshots p WHERE p.stream_id = s.stream_id AND p.version = due.version)
 ORDER BY s.stream_id, due.version LIMIT $4
"""
_BATCH: Final = 500
_STEP_S: Final = 10.0


async def write_snapshots(tx: Transaction, appends: Sequence[Append]) -> None:
    """Store the snapshots that these appends reach; mostly none, and then nothing is asked of PostgreSQL."""
    due = [each for each in appends if _reached(each)]
    if due:
        await _insert(tx, [row for each in due for row in _rows(each)])


async def state_at(tx: Transaction, kind: Kind[S, Any], stream_id: str, version: int) -> S:
    """A stream's state at one of its versions, from the last snapshot and fewer than SNAPSHOT_EVERY events.

    Raises `SnapshotMissing` for a stream from before there were snapshots until `fill_snapshots` has been there, and
    `UnknownEventType` if an event cannot be read.
    """
    base = version - version % SNAPSHOT_EVERY
    return await _folded(tx, kind, stream_id, base, version)


async def fill_snapshots(database: Database, kinds: Mapping[str, Kind[Any, Any]]) -> AsyncIterator[tuple[str, int]]:
    """Write the snapshots that streams from before have not got, oldest first, each in a short transaction of its own.

    Yields `(stream_id, version)` after each. Harmless if several processes do it at once. A stream with an event that
    cannot be read is left as it is.
    """
    place = ("", 0)
    while True:
        async with database.transaction(Deadline.after(_STEP_S)) as tx:
            rows = await tx.fetch(_MISSING, SNAPSHOT_EVERY, *place, _BATCH)
        unreadable = ""
        for row in rows:
            place = (row["stream_id"], row["version"])
            if place[0] == unreadable:
                continue
            if await _fill(database, kinds, *place):
                yield place
            else:
                unreadable = place[0]
        if len(rows) < _BATCH:
            return


async def _fill(database: Database, kinds: Mapping[str, Kind[Any, Any]], stream_id: str, version: int) -> bool:
    kind = kinds.get(stream_id.partition("-")[0])
    if kind is None:
        return False
    async with database.transaction(Deadline.after(_STEP_S)) as tx:
        try:
            state = await _folded(tx, kind, stream_id, version - SNAPSHOT_EVERY, version)
        except (SnapshotMissing, UnknownEventType, UpcastLoop, LookupError, TypeError, ValueError):
            return False
        await _insert(tx, [(stream_id, version, dump_json(kind.dump_state(state)))])
    return True


async def _folded(tx: Transaction, kind: Kind[S, Any], stream_id: str, base: int, version: int) -> S:
    """From the snapshot at `base` (0: the initial state) to `version`."""
    state = kind.initial()
    if base > 0:
        stored = await tx.fetchval(_READ, stream_id, base)
        if stored is None:
            raise SnapshotMissing(stream_id, base)
        state = kind.load_state(orjson.loads(stored))
    if base < version:
        for event in await map_in_slices(kind.read, await history(tx, stream_id, base + 1, version)):
            state = kind.evolve(state, event)
    return state


async def _insert(tx: Transaction, rows: Sequence[tuple[str, int, str]]) -> None:
    stream_ids, versions, states = (list(column) for column in zip(*rows, strict=True))
    await tx.execute(_WRITE, stream_ids, versions, states)


def _reached(append: Append) -> bool:
    before = append.stream.version
    return (before + len(append.events)) // SNAPSHOT_EVERY > before // SNAPSHOT_EVERY


def _rows(append: Append) -> list[tuple[str, int, str]]:
    """A row for every SNAPSHOT_EVERY-th version: one append may hold hundreds of events."""
    stream = append.stream
    kind, state, rows = stream.kind, stream.state, []
    for version, event in enumerate(append.events, stream.version + 1):
        state = kind.evolve(state, event)
        if version % SNAPSHOT_EVERY == 0:
            rows.append((stream.stream_id, version, dump_json(kind.dump_state(state))))
    return rows
