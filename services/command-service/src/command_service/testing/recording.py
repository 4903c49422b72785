"""Recorded events for tests."""

from datetime import UTC, datetime
from typing import Any

from holdfast.eventstore import EventMetadata, Kind, Metadata, RecordedEvent

RECORDED_AT = datetime(2010, 12, 1, 8, 26, 0, 123456, tzinfo=UTC)


def recorded(
    kind: Kind[Any, Any], identity: str, name: str, schema_version: int, data: dict[str, Any]
) -> RecordedEvent:
    """The event at version 3 of its stream, position 41."""
    audit = Metadata("someone", "request-1", "command-1", f"00-{'1' * 32}-{'2' * 16}-01")
    return RecordedEvent(41, kind.stream_id(identity), 3, name, schema_version, data, EventMetadata(audit), RECORDED_AT)
