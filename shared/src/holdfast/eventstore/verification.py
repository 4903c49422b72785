"""Recompute every folded state from its events and say what differs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import asyncpg
import orjson

from holdfast.eventstore.chain import row_hash
from holdfast.eventstore.checkpoints import CHECKPOINT_COLUMNS, NOTHING, Checkpoint, Root, Signed, checkpoint_of
from holdfast.eventstore.connections import CLIENT_ERRORS, Connection
from holdfast.eventstore.database import Database
from holdfast.eventstore.errors import UnknownEventType, UpcastLoop
from holdfast.eventstore.kinds import START_HASH, Kind, RecordedEvent, Stream
from holdfast.eventstore.reading import folded
from holdfast.eventstore.rows import EVENT_COLUMNS, STREAM_COLUMNS, absent, load_event
from holdfast.eventstore.translation import translated

What = Literal[
    "kind", "version", "state", "owner", "created_at", "event", "hash", "stream", "snapshot", "checkpoint", "signature"
]


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing about a stream that its events do not bear out: what is stored, and what the events give.

    `stream`: events without a row in `streams`, or the reverse; `event`: a version out of order, or one that cannot
    be read; `hash`: of the event at a version, which was changed, or before which one was changed, removed or put in
    (see chain.py); `kind`: no kind of that name was given; `snapshot`: one at `[version, state]` that the events do not
    give; `checkpoint`: not the events that were signed, or one that is missing; `signature`: not by the key that was
    given. For the last two `stream_id` is `checkpoint-<number>`.
    """

    stream_id: str
    what: What
    stored: Any
    refolded: Any

    def __str__(self) -> str:
        return f"{self.stream_id}: {self.what} stored as {self.stored!r}, events give {self.refolded!r}"


@dataclass(slots=True)
class Verification:
    """How much was looked at so far, and what was found. `unsigned`: events that are newer than the last checkpoint."""

    streams: int = 0
    events: int = 0
    checkpoints: int = 0
    unsigned: int = 0
    differences: int = 0


_PREFETCH = 1000


async def verify(
    database: Database,
    kinds: Sequence[Kind[Any, Any]],
    counts: Verification | None = None,
    *,
    signed: Signed | None = None,
) -> AsyncIterator[Difference]:
    """Every difference, by stream id, then by checkpoint, in one snapshot of the database while it is being written to.

    Streams and events are read side by side through cursors, so memory does not grow with either. Raises
    `DatabaseUnavailable`. `counts`, if given, is kept up to date on the way. `signed` tells a signature of a checkpoint
    from another text; without it no signature is looked at.
    """
    counts = counts if counts is not None else Verification()
    known = {kind.name: kind for kind in kinds}
    connection = await database.connect(settings={"statement_timeout": "60000"})
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            streams = connection.cursor(f"SELECT {STREAM_COLUMNS} FROM streams ORDER BY stream_id", prefetch=_PREFETCH)
            events = connection.cursor(
                f"SELECT {EVENT_COLUMNS}, hash FROM events ORDER BY stream_id, version", prefetch=_PREFETCH
            )
            snapshots = connection.cursor(
                "SELECT stream_id, version, state FROM snapshots ORDER BY stream_id, version", prefetch=_PREFETCH
            )
            async for difference in _compare(known, _Rows(streams), _Rows(events), _Rows(snapshots), counts):
                counts.differences += 1
                yield difference
            async for difference in _compare_checkpoints(connection, signed, counts):
                counts.differences += 1
                yield difference
    except CLIENT_ERRORS as error:
        raise translated(error, closed=connection.is_closed()) from error
    finally:
        connection.terminate()


class _Rows:
    """A cursor's rows, with a look at the next one."""

    def __init__(self, cursor: Any) -> None:
        self._rows = aiter(cursor)
        self._next: asyncpg.Record | None = None

    async def peek(self) -> asyncpg.Record | None:
        if self._next is None:
            self._next = await anext(self._rows, None)
        return self._next

    async def take(self, stream_id: str) -> asyncpg.Record | None:
        """The next row if it is of this stream."""
        row = await self.peek()
        if row is None or row["stream_id"] != stream_id:
            return None
        self._next = None
        return row


async def _compare(
    known: dict[str, Kind[Any, Any]], streams: _Rows, events: _Rows, snapshots: _Rows, counts: Verification
) -> AsyncIterator[Difference]:
    while ahead := [
        row["stream_id"] for rows in (streams, events, snapshots) if (row := await rows.peek()) is not None
    ]:
        stream_id = min(ahead)
        counts.streams += 1
        row = await streams.take(stream_id)
        wrong: list[Difference] = []
        refolded = await _refold(known.get(stream_id.partition("-")[0]), stream_id, events, snapshots, wrong, counts)
        hashes = [each for each in wrong if each.what == "hash"]
        if isinstance(refolded, Difference):
            found = [refolded, *hashes]
        elif row is None or not refolded.exists:
            found = [Difference(stream_id, "stream", row["version"] if row else None, refolded.version), *hashes]
        else:
            found = [*_differences(row, refolded), *wrong]
        for difference in found:
            yield difference


async def _refold(
    kind: Kind[Any, Any] | None,
    stream_id: str,
    events: _Rows,
    snapshots: _Rows,
    wrong: list[Difference],
    counts: Verification,
) -> Stream[Any] | Difference:
    """The stream from its events, all of which are taken, or what stands in the way of folding them. Hashes and
    snapshots are compared on the way, and `wrong` gets what differs."""
    so_far: Stream[Any] | Difference = (
        absent(kind, stream_id)
        if kind
        else Difference(stream_id, "kind", stream_id.partition("-")[0], "no kind of that name is known")
    )
    last_hash = START_HASH
    while row := await events.take(stream_id):
        counts.events += 1
        wrong += _wrong_hash(row, row_hash(last_hash, row))
        last_hash = row["hash"]
        if isinstance(so_far, Stream):
            so_far = _following(so_far, load_event(row))
            if isinstance(so_far, Stream):
                wrong += await _wrong_snapshots(so_far, snapshots)
    while snapshot := await snapshots.take(stream_id):
        wrong.append(Difference(stream_id, "snapshot", _of_snapshot(snapshot), None))
    return replace(so_far, hash=last_hash) if isinstance(so_far, Stream) else so_far


def _wrong_hash(row: asyncpg.Record, computed: bytes) -> list[Difference]:
    if row["hash"] == computed:
        return []
    place = f"version {row['version']}: "
    return [Difference(row["stream_id"], "hash", place + row["hash"].hex(), place + computed.hex())]


async def _wrong_snapshots(stream: Stream[Any], snapshots: _Rows) -> list[Difference]:
    """The stream's snapshots up to its version, which are taken, without the one that is as the stream is."""
    wrong = []
    while (row := await snapshots.peek()) and row["stream_id"] == stream.stream_id and row["version"] <= stream.version:
        await snapshots.take(stream.stream_id)
        refolded = [stream.version, _as_stored(stream.kind.dump_state(stream.state))]
        if _of_snapshot(row) != refolded:
            wrong.append(Difference(stream.stream_id, "snapshot", _of_snapshot(row), refolded))
    return wrong


def _of_snapshot(row: asyncpg.Record) -> list[Any]:
    return [row["version"], orjson.loads(row["state"])]


def _following(stream: Stream[Any], event: RecordedEvent) -> Stream[Any] | Difference:
    if event.version != stream.version + 1:
        return Difference(stream.stream_id, "event", event.version, f"version {stream.version + 1} is due")
    try:
        return folded(stream, event)
    except (UnknownEventType, UpcastLoop, LookupError, TypeError, ValueError) as error:
        what = f"{event.type} v{event.schema_version} at version {event.version}"
        return Difference(stream.stream_id, "event", what, f"{type(error).__name__}: {error}")


def _differences(row: asyncpg.Record, refolded: Stream[Any]) -> list[Difference]:
    pairs: list[tuple[What, Any, Any]] = [
        ("kind", row["kind"], refolded.kind.name),
        ("version", row["version"], refolded.version),
        ("owner", row["owner"], refolded.owner),
        ("created_at", row["created_at"], refolded.created_at),
        ("hash", row["hash"].hex(), refolded.hash.hex()),
        ("state", orjson.loads(row["state"]), _as_stored(refolded.kind.dump_state(refolded.state))),
    ]
    return [
        Difference(refolded.stream_id, what, stored, computed) for what, stored, computed in pairs if stored != computed
    ]


def _as_stored(value: Any) -> Any:
    """Through JSON and back, as what is stored went (tuples become lists)."""
    return orjson.loads(orjson.dumps(value))


async def _compare_checkpoints(
    connection: Connection, signed: Signed | None, counts: Verification
) -> AsyncIterator[Difference]:
    """Each checkpoint against the events between the one before and itself, so that a wrong one is named alone."""
    events = aiter(connection.cursor("SELECT position, hash FROM events ORDER BY position", prefetch=_PREFETCH))
    event = await anext(events, None)
    before = NOTHING
    for row in await connection.fetch(f"SELECT {CHECKPOINT_COLUMNS} FROM checkpoints ORDER BY number"):
        checkpoint, root = checkpoint_of(row), Root(before)
        counts.checkpoints += 1
        while event is not None and event["position"] <= checkpoint.position:
            root.add(event["position"], event["hash"])
            event = await anext(events, None)
        for difference in _wrong_checkpoint(checkpoint, before, root, signed):
            yield difference
        before = checkpoint
    while event is not None:
        counts.unsigned += 1
        event = await anext(events, None)


def _wrong_checkpoint(
    checkpoint: Checkpoint, before: Checkpoint, root: Root, signed: Signed | None
) -> Iterator[Difference]:
    name = f"checkpoint-{checkpoint.number}"
    if checkpoint.number != before.number + 1:
        yield Difference(name, "checkpoint", f"number {checkpoint.number}", f"number {before.number + 1} is due")
    elif (checkpoint.events, checkpoint.root) != (root.events, root.value):
        place = f"positions {before.position + 1} to {checkpoint.position}"
        counted = (checkpoint.events - before.events, root.events - before.events)
        stored, computed = (
            f"{count} events at {place} with root {value.hex()}"
            for count, value in zip(counted, (checkpoint.root, root.value), strict=True)
        )
        yield Difference(name, "checkpoint", stored, computed)
    if signed is not None and not signed(checkpoint.signature, checkpoint.message):
        yield Difference(name, "signature", checkpoint.signature.hex(), "none by the key that was given")
