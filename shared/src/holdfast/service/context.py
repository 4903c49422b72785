"""What is known of the request at hand, for logs, metadata and outbound calls."""

import asyncio
import re
import secrets
from contextvars import ContextVar
from dataclasses import dataclass, field

from holdfast.resilience.deadline import Deadline

_TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_REQUEST_ID = re.compile(r"[\x21-\x7e]{1,128}")


class CallerGone(Exception):
    """The caller closed the connection before its answer: nobody waits for this request any more."""


@dataclass(frozen=True, slots=True)
class RequestContext:
    """`request_id` and W3C `traceparent` of this hop, the `deadline` of the whole request, `attempt` 2 for a repeat.

    `caller_gone` is set once the connection of a command is closed.
    """

    request_id: str
    traceparent: str
    deadline: Deadline
    attempt: int = 1
    caller_gone: asyncio.Event = field(default_factory=asyncio.Event, compare=False)

    def require_caller(self) -> None:
        """Raises CallerGone when nobody waits for the answer.

        Asked before a command takes effect: a caller that gave up has repeated it elsewhere by now, and goes on from
        that answer, so a late first attempt must not act (CORRECTNESS 31).
        """
        if self.caller_gone.is_set():
            raise CallerGone

    def with_deadline(self, deadline: Deadline) -> "RequestContext":
        """The same request with another deadline."""
        return RequestContext(self.request_id, self.traceparent, deadline, self.attempt, self.caller_gone)

    @property
    def trace_id(self) -> str:
        return self.traceparent[3:35]


_current: ContextVar[RequestContext | None] = ContextVar("holdfast_request", default=None)


def current() -> RequestContext:
    """The context of the request being served. Raises LookupError outside of one."""
    context = _current.get()
    if context is None:
        raise LookupError("no request is being served")
    return context


def current_or_none() -> RequestContext | None:
    return _current.get()


def enter(context: RequestContext) -> None:
    """Make `context` the current one of this task."""
    _current.set(context)


def request_id_from(header: str | None) -> str:
    """The caller's request id if it is 1-128 visible ASCII characters, else a new one of 32 hex digits."""
    return header if header and _REQUEST_ID.fullmatch(header) else secrets.token_hex(16)


def child_traceparent(header: str | None) -> str:
    """This hop's traceparent: the caller's trace with a new span, or a new sampled trace."""
    if header and _TRACEPARENT.fullmatch(header):
        return f"{header[:36]}{secrets.token_hex(8)}{header[52:]}"
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"
