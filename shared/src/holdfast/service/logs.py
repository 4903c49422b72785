"""Logs as one JSON object a line on stdout, each with the request's id and trace."""

import logging
import sys
from typing import Any

import orjson
import structlog

from holdfast.service.context import current_or_none


def configure(service: str, replica: str, level: str) -> None:
    """Set structlog up for this process. Called once, in the entrypoint."""

    def identify(_logger: Any, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        event["service"] = service
        event["replica"] = replica
        context = current_or_none()
        if context is not None:
            event["request_id"] = context.request_id
            event["trace_id"] = context.trace_id
        return event

    structlog.configure(
        processors=[
            structlog.stdlib.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            identify,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(serializer=lambda event, **_: orjson.dumps(event, default=repr).decode()),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        logger_factory=structlog.PrintLoggerFactory(sys.stdout),
        cache_logger_on_first_use=True,
    )
    # Libraries log through the standard library: warnings and worse only, in the same place.
    logging.basicConfig(
        stream=sys.stdout, level=logging.WARNING, format='{"level":"%(levelname)s","logger":"%(name)s"}'
    )
    logging.getLogger().handlers[0].setFormatter(_JsonFormatter(service, replica))


class _JsonFormatter(logging.Formatter):
    def __init__(self, service: str, replica: str) -> None:
        super().__init__()
        self._who = {"service": service, "replica": replica}

    def format(self, record: logging.LogRecord) -> str:
        event = {"event": record.getMessage(), "level": record.levelname.lower(), "logger": record.name, **self._who}
        if record.exc_info:
            event["exception"] = self.formatException(record.exc_info)
        return orjson.dumps(event, default=repr).decode()
