"""Cursors come back as they were made, and nothing else passes for one."""

import base64
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.contracts.cursors import (
    CursorInvalid,
    decode_cursor,
    decode_order_cursor,
    encode_cursor,
    encode_order_cursor,
    parse_time,
)

SCOPE = {"list": "products", "q": "lantern", "min_amount": None}
ORDER = UUID("0194e7a0-0000-7000-8000-000000000001")
PLACED = datetime(2026, 2, 3, 4, 5, 6, 789012, tzinfo=UTC)


def raw(body: object) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(body)).rstrip(b"=").decode()


@given(st.text(max_size=300).filter(lambda text: "\0" not in text), st.integers(-(2**53), 2**53), st.floats(-1e9, 1e9))
def test_a_cursor_gives_back_the_sort_values_it_was_made_of(text: str, number: int, score: float) -> None:
    cursor = encode_cursor((text, number, score), SCOPE)
    assert decode_cursor(cursor, (str, int, float), SCOPE) == [text, number, score]


def test_a_cursor_of_a_list_with_other_parameters_is_refused() -> None:
    cursor = encode_cursor(("a",), SCOPE)
    with pytest.raises(CursorInvalid, match="other parameters"):
        decode_cursor(cursor, (str,), SCOPE | {"q": "lamp"})


@given(st.text(max_size=80))
def test_no_text_that_was_not_made_as_a_cursor_passes_for_one(text: str) -> None:
    with pytest.raises(CursorInvalid):
        decode_cursor(text, (str,), SCOPE)


@pytest.mark.parametrize(
    ("at", "kinds"),
    [
        (["a", "b"], (str,)),
        ("a", (str,)),
        ([1], (str,)),
        ([True], (int,)),
        ([2**60], (int,)),
        (["x" * 501], (str,)),
        (["a\0b"], (str,)),
        ([1.5], (int,)),
        ([None], (str,)),
    ],
)
def test_sort_values_of_another_shape_are_refused(at: object, kinds: tuple[type, ...]) -> None:
    of = orjson.loads(base64.urlsafe_b64decode(encode_cursor(("a",), SCOPE) + "=="))["of"]
    with pytest.raises(CursorInvalid, match="damaged"):
        decode_cursor(raw({"at": at, "of": of}), kinds, SCOPE)


@pytest.mark.parametrize("body", [[], {"at": []}, {"at": [], "of": "x", "more": 1}, 7])
def test_json_of_another_form_is_refused(body: object) -> None:
    with pytest.raises(CursorInvalid):
        decode_cursor(raw(body), (str,), SCOPE)


def test_an_endless_cursor_is_refused_unread() -> None:
    with pytest.raises(CursorInvalid, match="as it is"):
        decode_cursor("A" * 2_001, (str,), SCOPE)


def test_an_orders_cursor_keeps_the_microseconds_and_the_instant() -> None:
    cursor = encode_order_cursor(PLACED.astimezone(timezone(timedelta(hours=2))), ORDER, "paid")
    assert decode_order_cursor(cursor, "paid") == (PLACED, ORDER)
    with pytest.raises(CursorInvalid):
        decode_order_cursor(cursor, None)


@pytest.mark.parametrize(
    "value", ["", "soon", "2026-02-03T04:05:06", "0001-01-01T00:00:00+23:59", "1969-12-31T23:59:59Z"]
)
def test_an_orders_cursor_needs_a_time_that_an_event_can_have(value: str) -> None:
    with pytest.raises(CursorInvalid, match="no time"):
        parse_time(value)


def test_an_orders_cursor_needs_an_id() -> None:
    scope = {"list": "orders", "status": None}
    with pytest.raises(CursorInvalid, match="no id"):
        decode_order_cursor(encode_cursor(("2026-02-03T04:05:06Z", "7"), scope), None)
