"""Recorded events as the API shows them: in the published form, for what is stored stays inside."""

from typing import Any

from command_service.publish import publish
from holdfast.eventstore import RecordedEvent


def published(event: RecordedEvent) -> dict[str, Any]:
    """`{version, type, recorded_at, data}`."""
    message = publish(event)
    return {
        "version": message.version,
        "type": message.type,
        "recorded_at": message.recorded_at,
        "data": message.data,
    }


def audited(event: RecordedEvent) -> dict[str, Any]:
    """`published`, and who did it and why."""
    audit = event.metadata.audit
    return {
        **published(event),
        "actor": audit.actor,
        "correlation_id": audit.correlation_id,
        "causation_id": audit.causation_id,
    }
