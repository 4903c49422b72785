"""The Consistency-Token header: at least which versions of which streams a read has to have seen.

`stream@version`, several comma-separated with optional blanks: `order-0194…@3, cart-0193…@8`. Made by commands,
handed back on reads (API.md, Headers; CORRECTNESS 21 and 22).
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from holdfast.contracts.messages import TOPIC_OF_KIND

HEADER: Final = "Consistency-Token"
MAX_STREAMS: Final = 100
MAX_LENGTH: Final = 8_000

_UUID: Final = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_UUID_KINDS: Final = "|".join(kind for kind in TOPIC_OF_KIND if kind != "product")
_ITEM: Final = rf"((?:{_UUID_KINDS})-{_UUID}|product-[A-Za-z0-9._-]{{1,40}})@(0|[1-9][0-9]{{0,14}})"
_ENTRY: Final = re.compile(_ITEM)
PATTERN: Final = rf"^([ \t]*{_ITEM}[ \t]*(,[ \t]*{_ITEM}[ \t]*)*)?$"
"""The header's value as OpenAPI tells it; what is read is the same."""


class ConsistencyTokenInvalid(Exception):
    """A header that is no list of `stream@version`. Field: `reason`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def encode_consistency(versions: Mapping[str, int]) -> str:
    """The header's value for stream id → version, in the mapping's order."""
    return ", ".join(f"{stream_id}@{version}" for stream_id, version in versions.items())


def decode_consistency(values: Iterable[str]) -> dict[str, int]:
    """Stream id → version out of the header's lines (none: empty); of a stream named twice the highest version counts.

    Raises ConsistencyTokenInvalid.
    """
    text = ",".join(values)
    if len(text) > MAX_LENGTH:
        raise ConsistencyTokenInvalid(f"a {HEADER} has at most {MAX_LENGTH} characters, this one {len(text)}")
    versions: dict[str, int] = {}
    if text == "":
        return versions
    for entry in text.split(","):
        match = _ENTRY.fullmatch(entry.strip(" \t"))
        if match is None:
            raise ConsistencyTokenInvalid(f"{entry.strip()[:80]!r} is not stream@version")
        stream_id, version = match[1], int(match[2])
        versions[stream_id] = max(version, versions.get(stream_id, 0))
    if len(versions) > MAX_STREAMS:
        raise ConsistencyTokenInvalid(f"a {HEADER} names at most {MAX_STREAMS} streams, this one {len(versions)}")
    return versions
