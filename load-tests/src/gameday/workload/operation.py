"""One request that a shopper makes: what is sent, what is a good answer, which refusals are the shop's right."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from gameday.workload.transport import Answer
from holdfast.contracts.consistency import HEADER, encode_consistency

# What any call may be told: come back later.
LATER: Final = frozenset({"rate-limited", "request-in-progress"})


def _accept(_answer: Answer) -> None:
    """Nothing to remember."""


@dataclass(frozen=True, slots=True)
class Operation:
    """A command has a `key`, kept over all repeats; a read has none.

    `good` judges the body of an answer whose status is expected, `done` remembers what a good one said and `refused`
    what one of `refusals` did. `streams` are those whose newest known version a read must show. `source` is the address
    that it comes from, "" for any. `call` says what it is, `process` who asks, `intent` what is wanted ("" for a read).
    """

    method: str
    path: str
    content: bytes = b""
    token: str = ""
    key: str = ""
    source: str = ""
    call: str = ""
    process: str = ""
    intent: str = ""
    streams: Mapping[str, int] = field(default_factory=dict)
    statuses: frozenset[int] = frozenset({200})
    refusals: frozenset[str] = frozenset()
    good: Callable[[Answer], bool] = lambda _: True
    done: Callable[[Answer], None] = _accept
    refused: Callable[[Answer], None] = _accept

    def headers(self) -> dict[str, str]:
        """What goes with every attempt."""
        sent = {"User-Agent": "holdfast-load"}
        if self.token:
            sent["Authorization"] = f"Bearer {self.token}"
        if self.content:
            sent["Content-Type"] = "application/json"
        if self.key:
            sent["Idempotency-Key"] = self.key
        if self.streams:
            sent[HEADER] = encode_consistency(self.streams)
        return sent


def command(method: str, path: str, token: str, body: Mapping[str, Any] | None = None, **more: Any) -> Operation:
    """A command with a key of its own, which names it over all its repeats; `more` are fields of Operation."""
    content = b"" if body is None else orjson.dumps(body)
    more.setdefault("intent", secrets.token_hex(16))
    return Operation(method, path, content, token, secrets.token_hex(16), **more)
