"""The event store: streams of events and their folded states in PostgreSQL, the one truth of the shop.

async with database.transaction(deadline, key=key) as tx:
    streams, claim = await lock_streams_and_find_claim(tx, [(CART, customer_id)], key)
    cart = streams[CART.stream_id(customer_id)]
    if claim is None:
        events = decide(command, cart.state)
        claims = [Claim(key, cart.stream_id, now, answer)]
        await append(tx, [Append(cart, events, owner=customer_id)], metadata, recorded_at=now, claims=claims)
"""

from holdfast.eventstore.authority import (
    EVENT_STORE_PRIVILEGES,
    Privileges,
    RoleRefused,
    ServiceRole,
    authorise,
)
from holdfast.eventstore.checkpoints import Checkpoint, CheckpointLate, sign_checkpoint
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
    KEPT_FOR,
    Claim,
    answer_claim,
    clear_spare_slot,
    find_claim,
    fingerprint,
    scoped_key,
    take_over_claim,
    try_key_lock,
)
from holdfast.eventstore.kinds import (
    Append,
    CommandKey,
    EventMetadata,
    Kind,
    Metadata,
    RecordedEvent,
    Stream,
    StreamRef,
    Upcaster,
)
from holdfast.eventstore.migrations import (
    EVENT_STORE,
    MigrationRefused,
    MigrationSet,
    SchemaIncomplete,
    migrate,
    require_schema,
)
from holdfast.eventstore.outbox import requeue, requeue_kind, requeue_stream
from holdfast.eventstore.reading import history, newest_events
from holdfast.eventstore.slices import map_in_slices
from holdfast.eventstore.snapshots import SNAPSHOT_EVERY, fill_snapshots, state_at
from holdfast.eventstore.store import (
    append,
    lock_streams,
    lock_streams_and_find_claim,
    read_stream,
    read_streams,
)
from holdfast.eventstore.verification import Difference, Verification, verify

__all__ = [
    "CHECKOUT_POOL",
    "DEFAULT_POOL",
    "EVENT_STORE",
    "EVENT_STORE_PRIVILEGES",
    "KEPT_FOR",
    "SNAPSHOT_EVERY",
    "Append",
    "Checkpoint",
    "CheckpointLate",
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
    "Privileges",
    "RecordedEvent",
    "RoleRefused",
    "SchemaIncomplete",
    "ServiceRole",
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
    "authorise",
    "clear_spare_slot",
    "fill_snapshots",
    "find_claim",
    "fingerprint",
    "history",
    "lock_streams",
    "lock_streams_and_find_claim",
    "map_in_slices",
    "migrate",
    "newest_events",
    "outcome_of",
    "read_stream",
    "read_streams",
    "requeue",
    "requeue_kind",
    "requeue_stream",
    "require_schema",
    "scoped_key",
    "sign_checkpoint",
    "state_at",
    "take_over_claim",
    "try_key_lock",
    "verify",
]
