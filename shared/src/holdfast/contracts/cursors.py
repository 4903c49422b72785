"""Opaque cursors of lists: where the last item stood in the sort order, bound to the list they were made for.

A cursor is base64url (no padding) of the JSON `{"at": [sort values …], "of": fingerprint}`. It is no secret and grants
nothing: a list is filtered by its caller whatever the cursor says. It is not signed either, so every value is checked:
each list has a shape below, and a value out of its type, range or length is refused before a store sees it. A cursor
holds values, not a place in a snapshot, so it outlives restarts, re-indexing and a change of replica (CORRECTNESS 23),
and the own-orders list of the read and the write model take each other's.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import orjson

from holdfast.contracts.fields import MAX_UNIT_AMOUNT, PRODUCT_ID_PATTERN
from holdfast.contracts.inputs import CONTROL_CHARACTER
from holdfast.contracts.messages import rfc3339

MAX_LENGTH: Final = 2_000
_MAX_NAME: Final = 200
_MAX_SCORE: Final = 1_000_000
_MAX_VERSION: Final = 2**53
_FIRST_YEAR: Final = 1970
_LAST_YEAR: Final = 2261  # what nanoseconds since 1970 hold, the stores' narrowest time
_DAMAGED: Final = "the cursor is damaged; begin without a cursor"

SortValue = str | int | float
ReadValue = Callable[[Any], SortValue]
"""Gives a value of a cursor as the store takes it. Raises ValueError, TypeError or OverflowError."""
Shape = Sequence[ReadValue]
"""One for each sort value of a list, in order."""


class CursorInvalid(Exception):
    """A cursor that no answer of this list held, or that was made with other parameters. Field: `reason`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def _number(low: int, high: int, *types: type) -> ReadValue:
    def read(value: Any) -> SortValue:
        if type(value) not in types or not low <= value <= high:
            raise ValueError("out of range")
        return value  # type: ignore[no-any-return]  # an int or a float

    return read


def _time(value: Any) -> str:
    """A time that an event can have, as RFC 3339 in UTC."""
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is None:
        raise ValueError("no offset")
    moment = moment.astimezone(UTC)
    if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        raise ValueError("a year that no event has")
    return rfc3339(moment)


def _name(value: Any) -> str:
    if not isinstance(value, str) or len(value) > _MAX_NAME or CONTROL_CHARACTER.search(value):
        raise ValueError("no name")
    return value


def _product_id(value: Any) -> str:
    if not re.fullmatch(PRODUCT_ID_PATTERN, value):
        raise ValueError("no product id")
    return str(value)


def _uuid(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("no id")
    return str(UUID(value))


PRODUCTS_BY_RELEVANCE: Final[Shape] = (_number(0, _MAX_SCORE, int, float), _product_id)
PRODUCTS_BY_PRICE: Final[Shape] = (_number(1, MAX_UNIT_AMOUNT, int), _product_id)
PRODUCTS_BY_NAME: Final[Shape] = (_name, _product_id)
PRODUCTS_BY_AGE: Final[Shape] = (_time, _product_id)
PRODUCTS_BY_ID: Final[Shape] = (_product_id,)
ORDERS: Final[Shape] = (_time, _uuid)
CUSTOMERS: Final[Shape] = (_time, _uuid)
EVENTS: Final[Shape] = (_number(0, _MAX_VERSION, int),)


def encode_cursor(at: Sequence[SortValue], scope: Mapping[str, object]) -> str:
    """The cursor after an item with the sort values `at` in the list that `scope` describes.

    `scope` is every parameter that selects or sorts the list (not limit, not cursor), values JSON-serialisable.
    """
    body = orjson.dumps({"at": list(at), "of": _fingerprint(scope)})
    return base64.urlsafe_b64encode(body).rstrip(b"=").decode()


def decode_cursor(cursor: str, shape: Shape, scope: Mapping[str, object]) -> list[SortValue]:
    """The sort values of a cursor, as a store takes them. Raises CursorInvalid."""
    body = _parse(cursor)
    if body["of"] != _fingerprint(scope):
        raise CursorInvalid("the cursor belongs to a list with other parameters; begin without a cursor")
    at = body["at"]
    if not isinstance(at, list) or len(at) != len(shape):
        raise CursorInvalid(_DAMAGED)
    try:
        return [read(value) for value, read in zip(at, shape, strict=True)]
    except (ValueError, TypeError, OverflowError) as error:
        raise CursorInvalid(_DAMAGED) from error


def encode_order_cursor(placed_at: datetime, order_id: UUID, status: str | None) -> str:
    """The cursor of GET /api/orders after this order; `status` is the list's filter."""
    return encode_cursor((rfc3339(placed_at.astimezone(UTC)), str(order_id)), _orders_scope(status))


def decode_order_cursor(cursor: str, status: str | None) -> tuple[datetime, UUID]:
    """`(placed_at, order_id)` of the last order seen: the next page is what is smaller. Raises CursorInvalid."""
    placed_at, order_id = decode_cursor(cursor, ORDERS, _orders_scope(status))
    return datetime.fromisoformat(str(placed_at)), UUID(str(order_id))


def encode_version_cursor(version: int, scope: Mapping[str, object]) -> str:
    """The cursor of a list of events after the one at `version`."""
    return encode_cursor((version,), scope)


def decode_version_cursor(cursor: str | None, scope: Mapping[str, object]) -> int:
    """The version of the last event seen, 0 without a cursor. Raises CursorInvalid."""
    return 0 if cursor is None else int(decode_cursor(cursor, EVENTS, scope)[0])


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
