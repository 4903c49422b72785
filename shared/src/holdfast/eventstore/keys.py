"""Idempotency keys: their hashes, and the keys that a stream remembers (CORRECTNESS 1)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import orjson

from holdfast.eventstore.errors import KeyReused
from holdfast.eventstore.kinds import CommandKey, RecentKey, Stream

KEPT_KEYS = 256
KEPT_FOR = timedelta(hours=24)


def scoped_key(caller: str, operation: str, key: str) -> str:
    """The hash of a client's key, scoped by who calls and what is called: 32 hex digits."""
    return _digest(orjson.dumps([caller, operation, key]))


def fingerprint(request: Any) -> str:
    """The hash of what was asked for (anything JSON can hold), whatever the order of its fields: 32 hex digits."""
    return _digest(orjson.dumps(request, option=orjson.OPT_SORT_KEYS))


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:32]


def fold_key(
    kept: Sequence[RecentKey], key: CommandKey | None, version: int, recorded_at: datetime
) -> tuple[RecentKey, ...]:
    """The keys that a stream remembers after an event at `version`. Pure: writing and verifying both fold with it.

    An event without a key changes nothing. One with a key drops those older than 24 h before it, and all but the
    last 256.
    """
    if key is None:
        return tuple(kept)
    oldest = recorded_at - KEPT_FOR
    young = [entry for entry in kept if entry.recorded_at >= oldest]
    young.append(RecentKey(key.hash, key.fingerprint, version, recorded_at))
    return tuple(young[-KEPT_KEYS:])


def recent_key(stream: Stream[Any], key_hash: str, fingerprint: str, now: datetime | None = None) -> int | None:
    """The version at which the command with this key ended, or None if the stream does not remember it.

    With `now` a key older than 24 h is forgotten even on a quiet stream. To be checked before If-Match. Raises
    `KeyReused` when the key came with another request.
    """
    for entry in reversed(stream.recent_keys):
        if entry.hash != key_hash or (now is not None and entry.recorded_at < now - KEPT_FOR):
            continue
        if entry.fingerprint != fingerprint:
            raise KeyReused(stream.stream_id)
        return entry.version
    return None


def dump_keys(keys: Sequence[RecentKey]) -> list[list[Any]]:
    """Rows `[hash, fingerprint, version, recorded_at]` as they stand in `streams.recent_keys`."""
    return [[key.hash, key.fingerprint, key.version, key.recorded_at.isoformat()] for key in keys]


def load_keys(rows: Sequence[Sequence[Any]]) -> tuple[RecentKey, ...]:
    """The reverse of `dump_keys`."""
    return tuple(RecentKey(hash_, print_, version, datetime.fromisoformat(at)) for hash_, print_, version, at in rows)
