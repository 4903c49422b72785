"""Kinds of streams, streams and events: the values that the event store deals in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Generic, TypeVar

from holdfast.eventstore.errors import UpcastLoop

S = TypeVar("S")
E = TypeVar("E")

JsonObject = dict[str, Any]
START_HASH: Final = bytes(32)
"""What stands for the hash before a stream's first event."""

Upcaster = Callable[[JsonObject], tuple[str, int, JsonObject]]


@dataclass(frozen=True, slots=True)
class Kind(Generic[S, E]):
    """How streams of one kind fold, and how their states and events are stored.

    `dump_event` gives `(type, schema_version, data)`; `load_event(type, data)` takes the newest schema version of
    a type and raises `UnknownEventType`. `upcasters` lead from an older `(type, schema_version)` towards the
    newest, each a pure function of the data. States and data are JSON objects. `dump_state` must be a function of
    the state alone: `verify` compares its output with the one stored.
    """

    name: str
    initial: Callable[[], S]
    evolve: Callable[[S, E], S]
    dump_state: Callable[[S], JsonObject]
    load_state: Callable[[JsonObject], S]
    dump_event: Callable[[E], tuple[str, int, JsonObject]]
    load_event: Callable[[str, JsonObject], E]
    upcasters: Mapping[tuple[str, int], Upcaster] = field(default_factory=dict)

    def stream_id(self, identity: str) -> str:
        """`cart` and `7` give `cart-7`."""
        return f"{self.name}-{identity}"

    def read(self, recorded: RecordedEvent) -> E:
        """The domain event that was recorded, brought to the newest schema. Raises `UnknownEventType`, `UpcastLoop`."""
        event_type, schema_version, data = recorded.type, recorded.schema_version, recorded.data
        met = set()
        while upcaster := self.upcasters.get((event_type, schema_version)):
            if (event_type, schema_version) in met:
                raise UpcastLoop(event_type, schema_version)
            met.add((event_type, schema_version))
            event_type, schema_version, data = upcaster(data)
        return self.load_event(event_type, data)


@dataclass(frozen=True, slots=True)
class CommandKey:
    """A client's idempotency key as it is stored: hash of the scoped key, and fingerprint of the request. Each is 32
    hex digits.
    """

    hash: str
    fingerprint: str

    @property
    def lock(self) -> int:
        """The number of its advisory lock, in PostgreSQL's space of 64-bit keys."""
        return int.from_bytes(bytes.fromhex(self.hash[:16]), signed=True)


@dataclass(frozen=True, slots=True)
class Metadata:
    """The audit trail of one command: who did it, in which conversation, because of what, and its trace."""

    actor: str | None = None
    correlation_id: str | None = None
    causation_id: str | None = None
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class EventMetadata:
    """What stands beside a recorded event. `owner` is set on the first event of an owned stream."""

    audit: Metadata
    owner: str | None = None


@dataclass(frozen=True, slots=True)
class RecordedEvent:
    """An event as it is stored; `data` is in the schema version it was written with (see `Kind.read`)."""

    position: int
    stream_id: str
    version: int
    type: str
    schema_version: int
    data: JsonObject
    metadata: EventMetadata
    recorded_at: datetime

    @property
    def kind_name(self) -> str:
        """The part of the stream id before its first hyphen."""
        return self.stream_id.partition("-")[0]

    @property
    def identity(self) -> str:
        """The part of the stream id after its first hyphen."""
        return self.stream_id.partition("-")[2]


@dataclass(frozen=True, slots=True)
class Stream(Generic[S]):
    """A stream and its folded state. Absent ones have version 0, the initial state, no owner and no `created_at`.

    `hash` is its last event's, 32 bytes (chain.py).
    """

    stream_id: str
    kind: Kind[S, Any] = field(repr=False)
    owner: str | None
    created_at: datetime | None
    version: int
    state: S
    hash: bytes = field(repr=False)

    @property
    def identity(self) -> str:
        """The stream id without its kind."""
        return self.stream_id[len(self.kind.name) + 1 :]

    @property
    def exists(self) -> bool:
        return self.version > 0


@dataclass(frozen=True, slots=True)
class Append:
    """Events to add to a stream as it was read. `owner` is taken when the stream is created, and never changes."""

    stream: Stream[Any]
    events: Sequence[Any]
    owner: str | None = None


StreamRef = tuple[Kind[Any, Any], str]
"""A kind and the identity of one of its streams, without the kind's prefix."""
