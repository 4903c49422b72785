"""Cursors come back as they were made, and nothing else passes for one."""

import base64
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.contracts.cursors import (
    CUSTOMERS,
    EVENTS,
    ORDERS,
    PRODUCTS_BY_AGE,
    PRODUCTS_BY_NAME,
    PRODUCTS_BY_PRICE,
    PRODUCTS_BY_RELEVANCE,
    CursorInvalid,
    Shape,
    decode_cursor,
    decode_order_cursor,
    decode_version_cursor,
    encode_cursor,
    encode_order_cursor,
    encode_version_cursor,
)

SCOPE = {"list": "products", "q": "lantern", "min_amount": None}
ORDER = UUID("0194e7a0-0000-7000-8000-000000000001")
PLACED = datetime(2026, 2, 3, 4, 5, 6, 789012, tzinfo=UTC)
TIME = "2026-02-03T04:05:06.789012Z"
SHAPES = (
    PRODUCTS_BY_RELEVANCE,
    PRODUCTS_BY_PRICE,
    PRODUCTS_BY_NAME,
    PRODUCTS_BY_AGE,
    ORDERS,
    CUSTOMERS,
    EVENTS,
)


def raw(body: object) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(body)).rstrip(b"=").decode()


def forged(at: object) -> str:
    """A cursor of the list that SCOPE describes, with any values."""
    return raw({"at": at, "of": orjson.loads(base64.urlsafe_b64decode(encode_cursor((), SCOPE) + "=="))["of"]})


@pytest.mark.parametrize(
    ("at", "shape"),
    [
        ((8_192.0, "85123A"), PRODUCTS_BY_RELEVANCE),
        ((0, "a"), PRODUCTS_BY_RELEVANCE),
        ((1, "a"), PRODUCTS_BY_PRICE),
        ((10_000_000, "..."), PRODUCTS_BY_PRICE),
        (("", "a"), PRODUCTS_BY_NAME),
        (("\u00e9" * 200, "a" * 40), PRODUCTS_BY_NAME),
        ((TIME, "a"), PRODUCTS_BY_AGE),
        ((TIME, str(ORDER)), ORDERS),
        ((TIME, str(ORDER)), CUSTOMERS),
        ((2**53,), EVENTS),
    ],
)
def test_a_cursor_gives_back_the_sort_values_it_was_made_of(at: Sequence[Any], shape: Shape) -> None:
    assert decode_cursor(encode_cursor(at, SCOPE), shape, SCOPE) == list(at)


@pytest.mark.parametrize(
    ("at", "shape"),
    [
        *(((score, "a"), PRODUCTS_BY_RELEVANCE) for score in ("8", True, None, -1.0, 1e7, 2**60, [], {})),
        *(((price, "a"), PRODUCTS_BY_PRICE) for price in (0, -1, 10_000_001, 1.0, "1", True, None, 2**53)),
        *(((name, "a"), PRODUCTS_BY_NAME) for name in (1, None, "x" * 201, "a\0b", "a\nb", ["a"])),
        *(
            ((time, "a"), PRODUCTS_BY_AGE)
            for time in ("x", "", 7, None, "2026-02-03T04:05:06", "now", "1969-12-31T23:59:59Z")
        ),
        *(
            ((time, str(ORDER)), ORDERS)
            for time in ("2262-01-01T00:00:00Z", "0001-01-01T00:00:00+23:59", "2026-02-30T00:00:00Z")
        ),
        *(((TIME, order), ORDERS) for order in ("7", 7, None, "x" * 36, [], "0194e7a0")),
        *(((TIME, product), PRODUCTS_BY_AGE) for product in (7, None, "", ".", "..", "a b", "a" * 41, "a\n")),
        *(((version,), EVENTS) for version in (-1, 2**53 + 1, 1.5, "1", True, None)),
        *((at, EVENTS) for at in ((), (1, 2), "1", {"0": 1}, None)),
    ],
)
def test_a_value_out_of_its_type_range_or_length_is_refused(at: object, shape: Shape) -> None:
    with pytest.raises(CursorInvalid, match="damaged"):
        decode_cursor(forged(at), shape, SCOPE)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.integers(-(2**63), 2**63) | st.text(max_size=40)
    | st.datetimes().map(lambda moment: f"{moment.isoformat()}Z") | st.uuids().map(str),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@given(JSON | st.lists(JSON, min_size=1, max_size=2), st.sampled_from(SHAPES))
def test_any_json_in_a_cursor_is_read_or_refused(at: object, shape: Shape) -> None:
    try:
        cursor = forged(at)
    except TypeError:  # an integer that JSON of 64 bits cannot hold
        return
    try:
        values = decode_cursor(cursor, shape, SCOPE)
    except CursorInvalid:
        return
    assert len(values) == len(shape)
    assert all(isinstance(value, (str, int, float)) and not isinstance(value, bool) for value in values)


def test_a_cursor_of_a_list_with_other_parameters_is_refused() -> None:
    cursor = encode_cursor(("a", "b"), SCOPE)
    with pytest.raises(CursorInvalid, match="other parameters"):
        decode_cursor(cursor, PRODUCTS_BY_NAME, SCOPE | {"q": "lamp"})


@given(st.text(max_size=80))
def test_no_text_that_was_not_made_as_a_cursor_passes_for_one(text: str) -> None:
    with pytest.raises(CursorInvalid):
        decode_cursor(text, EVENTS, SCOPE)


@pytest.mark.parametrize("body", [[], {"at": []}, {"at": [], "of": "x", "more": 1}, 7, {"at": [1], "of": ["x"]}])
def test_json_of_another_form_is_refused(body: object) -> None:
    with pytest.raises(CursorInvalid):
        decode_cursor(raw(body), EVENTS, SCOPE)


@pytest.mark.parametrize("text", ["A" * 2_001, "{" * 25_000, base64.urlsafe_b64encode(b"[" * 1_400).decode()])
def test_what_is_endless_or_deep_is_refused(text: str) -> None:
    with pytest.raises(CursorInvalid, match="as it is"):
        decode_cursor(text, EVENTS, SCOPE)


def test_an_orders_cursor_keeps_the_microseconds_and_the_instant() -> None:
    cursor = encode_order_cursor(PLACED.astimezone(timezone(timedelta(hours=2))), ORDER, "paid")
    assert decode_order_cursor(cursor, "paid") == (PLACED, ORDER)
    with pytest.raises(CursorInvalid):
        decode_order_cursor(cursor, None)


def test_a_list_of_events_begins_before_the_first_version() -> None:
    assert decode_version_cursor(None, SCOPE) == 0
    assert decode_version_cursor(encode_version_cursor(7, SCOPE), SCOPE) == 7
