"""Folding one stream's messages into its document, or parking the stream. Pure (CORRECTNESS 17)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from holdfast.contracts.documents import Document
from holdfast.contracts.messages import MalformedMessage, Message
from projector_service.projection import Unprojectable, project


@dataclass(frozen=True, slots=True)
class Received:
    """One record of a partition. `message` is None when the bytes are no message; then `defect` says why."""

    partition: int
    offset: int
    stream_id: str
    value: bytes
    message: Message | None
    defect: str = ""


@dataclass(frozen=True, slots=True)
class Mark:
    """A parked stream: `version` could not be applied, `latest` is the highest version seen since."""

    version: int
    latest: int
    reason: str


@dataclass(frozen=True, slots=True)
class Stored:
    """What an index holds of a stream. Version 0: no document."""

    document: Document | None = None
    version: int = 0
    mark: Mark | None = None


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record for the dead letters."""

    received: Received
    reason: str


@dataclass(frozen=True, slots=True)
class Folded:
    """The stream after a batch, and what could not be applied and was not reported before."""

    after: Stored
    rejected: tuple[Rejected, ...] = ()
    applied: int = 0


def receive(partition: int, offset: int, key: bytes | None, value: bytes | None) -> Received:
    """Read a record. Its stream is the key's, also when the value is unreadable or speaks of another one."""
    stream_id = (key or b"").decode("utf-8", "replace")
    raw = value or b""
    try:
        message = Message.from_bytes(raw)
    except MalformedMessage as error:
        return Received(partition, offset, stream_id, raw, None, error.reason)
    defect = ""
    if message.stream_id != stream_id:
        defect = f"its key is not its stream {message.stream_id[:100]}"
    elif message.version < 1:
        defect = f"version {message.version} is not from 1"
    return Received(partition, offset, stream_id, raw, None if defect else message, defect)


def fold(stored: Stored, batch: Sequence[Received]) -> Folded:
    """Apply, in order of version, each message that is the document's next one; skip what it has already.

    A gap, or a message that cannot be understood, marks the stream and is rejected. A marked stream still takes its
    next version, skips everything else without a word, and loses the mark once its document has reached every
    version that was skipped: a mark never goes while something is missing.
    """
    document, version, mark = stored.document, stored.version, stored.mark
    rejected: list[Rejected] = []
    for place, received in _in_order(stored.version, batch):
        if place <= version:
            continue
        try:
            if place > version + 1:
                raise Unprojectable(f"version {version + 1} is missing")
            if received.message is None:
                raise Unprojectable(received.defect)
            document, version = project(document, received.message), place
        except Unprojectable as error:
            if mark is None:
                rejected.append(Rejected(received, error.reason))
            mark = _marked(mark, place, error.reason)
    if mark is not None and version >= mark.latest:
        mark = None
    return Folded(Stored(document, version, mark), tuple(rejected), version - stored.version)


def refuse(stored: Stored, batch: Sequence[Received], reason: str) -> Folded:
    """Park the stream because the store refuses its new document for good: nothing of the batch is applied."""
    mark = stored.mark
    rejected: list[Rejected] = []
    for place, received in _in_order(stored.version, batch):
        if place > stored.version:
            if mark is None:
                rejected.append(Rejected(received, reason))
            mark = _marked(mark, place, reason)
    return Folded(Stored(stored.document, stored.version, mark), tuple(rejected))


def _marked(mark: Mark | None, version: int, reason: str) -> Mark:
    return Mark(version, version, reason) if mark is None else replace(mark, latest=max(mark.latest, version))


def _in_order(version: int, batch: Sequence[Received]) -> list[tuple[int, Received]]:
    """The batch by version. An unreadable record stands where it arrived: in place of the version after the one before
    it in the partition, so that a repaired message of that version comes after it.
    """
    previous = version
    placed: list[tuple[int, Received]] = []
    for received in batch:
        place = previous + 1 if received.message is None else received.message.version
        previous = previous if received.message is None else place
        placed.append((place, received))
    return sorted(placed, key=lambda pair: (pair[0], pair[1].message is not None))
