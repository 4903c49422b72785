"""The event store: streams of events and their folded states in PostgreSQL, the one truth of the shop.

async with database.transaction(deadline) as tx:
    streams = await lock_streams(tx, [(CART, customer_id)])
    cart = streams[CART.stream_id(customer_id)]
    events = decide(command, cart.state)
    await append(tx, [Append(cart, events, owner=customer_id, key=key)], metadata, recorded_at=now)
"""

from holdfast.eventstore.connections import CHECKOUT_POOL, DEFAULT_POOL, PoolSettings
from holdfast.eventstore.database import Database, Transaction
from holdfast.eventstore.errors import (
    DatabaseBusy,
    DatabaseTimeout,
    DatabaseUnavailable,
    Deadlock,
    KeyReused,
    LockTimeout,
    PoolExhausted,
    SnapshotMissing,
    StatementCancelled,
    StreamUnknown,
    UnknownEventType,
    UpcastLoop,
    ValueRefused,
    VersionConflict,
    outcome_of,
)
from holdfast.eventstore.idempotency import (
    Claim,
    answer_claim,
    find_claim,
    insert_claim,
    purge_claims,
    take_over_claim,
    try_key_lock,
)
from holdfast.eventstore.keys import fingerprint, recent_key, scoped_key
from holdfast.eventstore.kinds import (
    Append,
    CommandKey,
    EventMetadata,
    Kind,
    Metadata,
    RecentKey,
    RecordedEvent,
    Stream,
    StreamRef,
    Upcaster,
)
from holdfast.eventstore.migrations import EVENT_STORE, MigrationRefused, MigrationSet, migrate
from holdfast.eventstore.outbox import requeue, requeue_kind, requeue_stream
from holdfast.eventstore.reading import history, newest_events, streams_of_owner
from holdfast.eventstore.slices import map_in_slices
from holdfast.eventstore.snapshots import SNAPSHOT_EVERY, fill_snapshots, state_at
from holdfast.eventstore.store import append, lock_streams, read_stream, read_streams
from holdfast.eventstore.verification import Difference, Verification, verify

__all__ = [
    "CHECKOUT_POOL",
    "DEFAULT_POOL",
    "EVENT_STORE",
    "SNAPSHOT_EVERY",
    "Append",
    "Claim",
    "CommandKey",
    "Database",
    "DatabaseBusy",
    "DatabaseTimeout",
    "DatabaseUnavailable",
    "Deadlock",
    "Difference",
    "EventMetadata",
    "KeyReused",
    "Kind",
    "LockTimeout",
    "Metadata",
    "MigrationRefused",
    "MigrationSet",
    "PoolExhausted",
    "PoolSettings",
    "RecentKey",
    "RecordedEvent",
    "SnapshotMissing",
    "StatementCancelled",
    "Stream",
    "StreamRef",
    "StreamUnknown",
    "Transaction",
    "UnknownEventType",
    "UpcastLoop",
    "Upcaster",
    "ValueRefused",
    "Verification",
    "VersionConflict",
    "answer_claim",
    "append",
    "fill_snapshots",
    "find_claim",
    "fingerprint",
    "history",
    "insert_claim",
    "lock_streams",
    "map_in_slices",
    "migrate",
    "newest_events",
    "outcome_of",
    "purge_claims",
    "read_stream",
    "read_streams",
    "recent_key",
    "requeue",
    "requeue_kind",
    "requeue_stream",
    "scoped_key",
    "state_at",
    "streams_of_owner",
    "take_over_claim",
    "try_key_lock",
    "verify",
]
