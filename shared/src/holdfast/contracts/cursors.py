"""Opaque cursors of lists: where the last item stood in the sort order, bound to the list they were made for.

A cursor is base64url (no padding) of the JSON `{"at": [sort values …], "of": fingerprint}`. It is no secret and grants
nothing: a list is filtered by its caller whatever the cursor says. It holds values, not a place in a snapshot, so it
outlives restarts, re-indexing and a change of replica (CORRECTNESS 23), and the own-orders list of the read and the
write model take each other's.
"""

import base64
import binascii
import hashlib
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import orjson

from holdfast.contracts.messages import rfc3339

MAX_LENGTH: Final = 2_000
_MAX_STRING: Final = 500
_MAX_INTEGER: Final = 2**53
_FIRST_YEAR: Final = 1970
_LAST_YEAR: Final = 2261  # what nanoseconds since 1970 hold, the stores' narrowest time

SortValue = str | int | float
Kind = type[str] | type[int] | type[float]


class CursorInvalid(Exception):
    """A cursor that no answer of this list held, or that was made with other parameters. Field: `reason`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def encode_cursor(at: Sequence[SortValue], scope: Mapping[str, object]) -> str:
    """The cursor after an item with the sort values `at` in the list that `scope` describes.

    `scope` is every parameter that selects or sorts the list (not limit, not cursor), values JSON-serialisable.
    """
    body = orjson.dumps({"at": list(at), "of": _fingerprint(scope)})
    return base64.urlsafe_b64encode(body).rstrip(b"=").decode()


def decode_cursor(cursor: str, kinds: Sequence[Kind], scope: Mapping[str, object]) -> list[SortValue]:
    """The sort values of a cursor, checked to be of `kinds` in this order (an int passes as float).

    Raises CursorInvalid.
    """
    body = _parse(cursor)
    if body["of"] != _fingerprint(scope):
        raise CursorInvalid("the cursor belongs to a list with other parameters; begin without a cursor")
    at = body["at"]
    if not isinstance(at, list) or len(at) != len(kinds):
        raise CursorInvalid("the cursor is damaged; begin without a cursor")
    return [_checked(value, kind) for value, kind in zip(at, kinds, strict=True)]


def encode_order_cursor(placed_at: datetime, order_id: UUID, status: str | None) -> str:
    """The cursor of GET /api/orders after this order; `status` is the list's filter."""
    return encode_cursor((rfc3339(placed_at.astimezone(UTC)), str(order_id)), _orders_scope(status))


def decode_order_cursor(cursor: str, status: str | None) -> tuple[datetime, UUID]:
    """`(placed_at, order_id)` of the last order seen: the next page is what is smaller. Raises CursorInvalid."""
    placed_at, order_id = decode_cursor(cursor, (str, str), _orders_scope(status))
    return parse_time(placed_at), parse_uuid(order_id)


def parse_time(value: SortValue) -> datetime:
    """A cursor's RFC 3339 time, aware, in UTC. Raises CursorInvalid."""
    try:
        moment = datetime.fromisoformat(str(value))
        if moment.tzinfo is None:
            raise ValueError("no offset")
        moment = moment.astimezone(UTC)
        if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
            raise ValueError("a year that no event has")
        return moment
    except (ValueError, OverflowError) as error:
        raise CursorInvalid("the cursor holds no time; begin without a cursor") from error


def parse_uuid(value: SortValue) -> UUID:
    """A cursor's UUID. Raises CursorInvalid."""
    try:
        return UUID(str(value))
    except ValueError as error:
        raise CursorInvalid("the cursor holds no id; begin without a cursor") from error


def _orders_scope(status: str | None) -> dict[str, object]:
    return {"list": "orders", "status": status}


def _fingerprint(scope: Mapping[str, object]) -> str:
    return hashlib.sha256(orjson.dumps(dict(scope), option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]


def _parse(cursor: str) -> dict[str, object]:
    if not cursor.isascii() or len(cursor) > MAX_LENGTH:
        raise CursorInvalid("a cursor is taken as it is from next_cursor")
    try:
        # b64decode without validate drops what is not of its alphabet, so that many texts would be one cursor.
        padded = cursor.replace("+", "!").replace("/", "!").encode() + b"=" * (-len(cursor) % 4)
        body = orjson.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError) as error:
        raise CursorInvalid("a cursor is taken as it is from next_cursor") from error
    if not isinstance(body, dict) or body.keys() != {"at", "of"}:
        raise CursorInvalid("a cursor is taken as it is from next_cursor")
    return body


def _checked(value: object, kind: Kind) -> SortValue:
    match value:
        case bool():
            pass
        case str() if kind is str and len(value) <= _MAX_STRING and "\0" not in value:
            return value
        case int() if kind in (int, float) and abs(value) <= _MAX_INTEGER:
            return value
        case float() if kind is float and math.isfinite(value):
            return value
        case _:
            pass
    raise CursorInvalid("the cursor is damaged; begin without a cursor")
