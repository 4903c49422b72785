"""Reading, locking and appending to streams: a constant number of statements however many streams."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import asyncpg

from holdfast.eventstore.chain import event_hash
from holdfast.eventstore.database import Transaction
from holdfast.eventstore.errors import VersionConflict
from holdfast.eventstore.idempotency import CLAIM_COLUMNS, FIND, Claim, claim_of, slot_of
from holdfast.eventstore.kinds import Append, CommandKey, EventMetadata, Kind, Metadata, Stream, StreamRef
from holdfast.eventstore.rows import STREAM_COLUMNS, absent, dump_json, dump_metadata, load_stream
from holdfast.eventstore.snapshots import write_snapshots

_SELECT = f"SELECT {STREAM_COLUMNS} FROM streams WHERE stream_id = ANY({{}}) ORDER BY stream_id"
_READ = _SELECT.format("$1")
_LOCK = _READ + " FOR UPDATE"
# The claim on a key ($1) beside the streams ($2): one round trip less for every command.
_LOCK_WITH_CLAIM = f"""
WITH locked AS MATERIALIZED ({_SELECT.format("$2")} FOR UPDATE), claim AS ({FIND})
SELECT {CLAIM_COLUMNS}, {STREAM_COLUMNS} FROM (VALUES (1)) AS one LEFT JOIN claim ON true LEFT JOIN locked ON true
"""

# An existing stream is updated only from the version that was read; one that another transaction has just created
# conflicts likewise. Rows come in stream order, so that creating several cannot deadlock.
_WRITE_STREAMS = """
INSERT INTO streams AS stored (stream_id, kind, owner, created_at, version, state, hash)
SELECT u.stream_id, u.kind, u.owner, $8, u.version, u.state::jsonb, u.hash
  FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::bytea[])
       AS u(stream_id, kind, owner, version, state, hash)
ON CONFLICT (stream_id) DO UPDATE SET version = excluded.version, state = excluded.state, hash = excluded.hash
 WHERE stored.version = ($7::jsonb ->> stored.stream_id)::bigint
RETURNING stream_id, xmax = 0 AS created
"""

_WRITTEN = """
WITH written AS (
    INSERT INTO events (stream_id, version, type, schema_version, data, metadata, hash, recorded_at)
    SELECT u.stream_id, u.version, u.type, u.schema_version, u.data::jsonb, u.metadata::jsonb, u.hash, $8
      FROM unnest($1::text[], $2::bigint[], $3::text[], $4::integer[], $5::text[], $6::text[], $7::bytea[])
           WITH ORDINALITY AS u(stream_id, version, type, schema_version, data, metadata, hash, place)
     ORDER BY u.place
    RETURNING position
)"""
_CLAIMED = """, claimed AS (
    INSERT INTO idempotency (slot, key_hash, fingerprint, resource_id, answer, lease_until, created_at)
    SELECT u.slot, u.key_hash, u.fingerprint, u.resource_id, u.answer::jsonb, u.lease_until, u.created_at
      FROM unnest($9::smallint[], $10::uuid[], $11::uuid[], $12::text[], $13::text[], $14::timestamptz[],
                  $15::timestamptz[])
           AS u(slot, key_hash, fingerprint, resource_id, answer, lease_until, created_at)
)"""
_QUEUED = """
INSERT INTO outbox (position) SELECT position FROM written ORDER BY position
"""
_EventRow = tuple[str, int, str, int, str, str, bytes]

_WRITE_EVENTS = _WRITTEN + _QUEUED
_WRITE_EVENTS_AND_CLAIMS = _WRITTEN + _CLAIMED + _QUEUED


async def read_streams(tx: Transaction, refs: Sequence[StreamRef]) -> dict[str, Stream[Any]]:
    """Streams by stream id as last committed, without a lock; absent ones have version 0."""
    return await _read(tx, _READ, refs)


async def read_stream(tx: Transaction, ref: StreamRef) -> Stream[Any]:
    """One stream as last committed, without a lock."""
    kind, identity = ref
    return (await _read(tx, _READ, [ref]))[kind.stream_id(identity)]


async def lock_streams(tx: Transaction, refs: Sequence[StreamRef]) -> dict[str, Stream[Any]]:
    """Streams by stream id, locked until the transaction ends, in the order of their ids (CORRECTNESS 5).

    Lock a transaction's streams before anything is written; several calls keep the order of the ids as well. A stream
    that does not exist is not locked: two who create it race, and `append` raises `VersionConflict` for the later.
    Raises `LockTimeout`.
    """
    return await _read(tx, _LOCK, refs)


async def lock_streams_and_find_claim(
    tx: Transaction, refs: Sequence[StreamRef], key: CommandKey | None
) -> tuple[dict[str, Stream[Any]], Claim | None]:
    """As `lock_streams`, and the claim on a key that the transaction has locked, in one statement.

    Raises `LockTimeout`, and `KeyReused` if the key belongs to another command.
    """
    if key is None:
        return await lock_streams(tx, refs), None
    kinds = _kinds(refs)
    rows = await tx.fetch(_LOCK_WITH_CLAIM, key.hash, list(kinds))
    return _streams(kinds, rows), claim_of(rows[0], key)


async def append(
    tx: Transaction,
    appends: Sequence[Append],
    metadata: Metadata,
    *,
    recorded_at: datetime | None = None,
    claims: Sequence[Claim] = (),
) -> dict[str, Stream[Any]]:
    """Store events and claims, fold the events into their streams and queue them for publishing: two statements, and a
    third when a stream reaches a snapshot.

    Returns the changed streams by id as they are now. `recorded_at` (aware; now when None) is the time of every event
    and the `created_at` of every new stream. Appends without events do nothing, and with none at all no key is claimed:
    a command without effect leaves its key free (CORRECTNESS 31). Raises `VersionConflict` unless every
    stream is still as it was read, and the transaction must then end. A stream may stand in `appends` only once.
    """
    at = (recorded_at or datetime.now(UTC)).astimezone(UTC)
    ordered = sorted((each for each in appends if each.events), key=lambda each: each.stream.stream_id)
    if not ordered:
        return {}
    events = {each.stream.stream_id: _event_rows(each, metadata, at) for each in ordered}
    if len(events) < len(ordered):
        raise ValueError("a stream stands twice in one append")
    changed = {each.stream.stream_id: _folded(each, at, events[each.stream.stream_id][-1][-1]) for each in ordered}
    await _write_streams(tx, ordered, changed, at)
    await _write_events(tx, [row for rows in events.values() for row in rows], at, claims)
    await write_snapshots(tx, ordered)
    return changed


async def _read(tx: Transaction, query: str, refs: Sequence[StreamRef]) -> dict[str, Stream[Any]]:
    kinds = _kinds(refs)
    return _streams(kinds, await tx.fetch(query, list(kinds)))


def _kinds(refs: Sequence[StreamRef]) -> dict[str, Kind[Any, Any]]:
    return {kind.stream_id(identity): kind for kind, identity in refs}


def _streams(kinds: dict[str, Kind[Any, Any]], rows: Sequence[asyncpg.Record]) -> dict[str, Stream[Any]]:
    found = {row["stream_id"]: row for row in rows}
    return {
        stream_id: load_stream(kind, found[stream_id]) if stream_id in found else absent(kind, stream_id)
        for stream_id, kind in kinds.items()
    }


def _folded(append: Append, at: datetime, last_hash: bytes) -> Stream[Any]:
    stream = append.stream
    state = stream.state
    for event in append.events:
        state = stream.kind.evolve(state, event)
    version = stream.version + len(append.events)
    return replace(
        stream,
        owner=stream.owner if stream.exists else append.owner,
        created_at=stream.created_at or at,
        version=version,
        state=state,
        hash=last_hash,
    )


async def _write_streams(
    tx: Transaction, appends: Sequence[Append], changed: dict[str, Stream[Any]], at: datetime
) -> None:
    expected = {each.stream.stream_id: each.stream.version for each in appends}
    streams = [changed[stream_id] for stream_id in expected]
    rows = await tx.fetch(
        _WRITE_STREAMS,
        list(expected),
        [stream.kind.name for stream in streams],
        [stream.owner for stream in streams],
        [stream.version for stream in streams],
        [dump_json(stream.kind.dump_state(stream.state)) for stream in streams],
        [stream.hash for stream in streams],
        dump_json(expected),
        at,
    )
    created = {row["stream_id"]: row["created"] for row in rows}
    for stream_id, version in expected.items():
        if created.get(stream_id) is not (version == 0):
            actual = await tx.fetchval("SELECT version FROM streams WHERE stream_id = $1", stream_id)
            raise VersionConflict(stream_id, version, 0 if created.get(stream_id) else actual)


async def _write_events(tx: Transaction, rows: Sequence[_EventRow], at: datetime, claims: Sequence[Claim]) -> None:
    events = _columns(rows)
    if claims:
        await tx.execute(_WRITE_EVENTS_AND_CLAIMS, *events, at, *_columns([_claim_row(claim) for claim in claims]))
    else:
        await tx.execute(_WRITE_EVENTS, *events, at)


def _columns(rows: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]


def _claim_row(claim: Claim) -> tuple[Any, ...]:
    answer = None if claim.answer is None else dump_json(claim.answer)
    key, created_at = claim.key, claim.created_at
    return slot_of(created_at), key.hash, key.fingerprint, claim.resource_id, answer, claim.lease_until, created_at


def _event_rows(append: Append, metadata: Metadata, at: datetime) -> list[_EventRow]:
    stream, stream_id = append.stream, append.stream.stream_id
    last_hash = stream.hash
    rows: list[_EventRow] = []
    for version, event in enumerate(append.events, stream.version + 1):
        event_type, schema_version, data = stream.kind.dump_event(event)
        beside = dump_metadata(EventMetadata(metadata, owner=append.owner if version == 1 else None))
        last_hash = event_hash(last_hash, stream_id, version, event_type, schema_version, data, beside, at)
        rows.append((stream_id, version, event_type, schema_version, dump_json(data), dump_json(beside), last_hash))
    return rows
