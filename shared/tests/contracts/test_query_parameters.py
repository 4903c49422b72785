"""Query strings as API.md bounds them, and the canonical form that is sent on."""

import time
from contextlib import suppress
from datetime import date
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.contracts.inputs import InputInvalid
from holdfast.contracts.query_parameters import (
    MAX_PARAMETERS,
    MAX_VALUE_LENGTH,
    AdminOrderParameters,
    ListParameters,
    NoParameters,
    Parameters,
    ProductParameters,
    SalesParameters,
    StreamParameters,
    canonical_query,
    parse_query,
)

MODELS: tuple[type[Parameters], ...] = (
    NoParameters,
    ListParameters,
    ProductParameters,
    AdminOrderParameters,
    SalesParameters,
    StreamParameters,
)


def refused(raw: bytes, model: type[Parameters] = ProductParameters) -> tuple[int, str, str]:
    with pytest.raises(InputInvalid) as caught:
        parse_query(model, raw)
    return caught.value.status, caught.value.code, caught.value.errors[0][0]


def test_values_are_numbers_switches_and_days() -> None:
    asked = parse_query(ProductParameters, b"q=red+mug&min_amount=007&in_stock=true&sort=-price&limit=5&cursor=abc")
    assert (asked.q, asked.min_amount, asked.max_amount) == ("red mug", 7, None)
    assert (asked.in_stock, asked.sort, asked.limit, asked.cursor) == (True, "-price", 5, "abc")
    sales = parse_query(SalesParameters, b"from=2010-12-01&to=2010-12-02T23:30:00-01:00")
    assert (sales.from_, sales.to) == (date(2010, 12, 1), date(2010, 12, 3))
    assert parse_query(StreamParameters, b"at_version=12").at_version == 12


def test_without_a_query_everything_is_as_by_default() -> None:
    asked = parse_query(ProductParameters, b"")
    assert (asked.q, asked.limit, asked.in_stock, asked.sort, asked.cursor) == (None, 20, False, "relevance", None)
    assert parse_query(ProductParameters, b"q=&category=&min_amount=&in_stock=&sort=&limit=&cursor=+") == asked
    assert parse_query(ProductParameters, b"&&") == asked


@pytest.mark.parametrize(
    "raw", ["caf\u00e9".encode(), b"caf%C3%A9", b"caf%c3%A9", b"%63af%C3%A9", b"+caf%C3%A9%09", b"caf%C3%A9%0A"]
)
def test_utf8_may_come_raw_or_encoded_with_blanks_around(raw: bytes) -> None:
    asked = parse_query(ProductParameters, b"q=" + raw)
    assert asked.q == "caf\u00e9"
    assert canonical_query(asked) == "q=caf%C3%A9"


@pytest.mark.parametrize("offset", [b"+02:00", b"%2B02:00", b"%2b02:00", b"%2002:00"])
def test_an_offset_may_be_unescaped(offset: bytes) -> None:
    asked = parse_query(SalesParameters, b"from=2010-12-01T01:00:00" + offset)
    assert asked.from_ == date(2010, 11, 30)
    assert canonical_query(asked) == "from=2010-11-30"


@pytest.mark.parametrize(
    "value",
    ["2010-13-01", "2010-02-30", "20101201", "2010-12-01T00:00:00", "1969-12-31", "2201-01-01", "1291161600",
     "2010-12-01 00:00:00Z", "2010-12-01T00:00:00+02:00+02:00", "2010-W01", "9999-12-31T23:59:59-10:00",
     "2010-12-01T24:30Z", "0001-01-01T00:00:00%2B10:00", "2010-12-01T00:00:00+99:99", "٢٠١٠-12-01"],
)  # fmt: skip
def test_what_is_no_day_is_refused(value: str) -> None:
    assert refused(b"to=" + value.encode(), SalesParameters) == (422, "invalid", "?to")


@pytest.mark.parametrize(
    ("raw", "pointer"),
    [
        (b"q=%00", "?q"), (b"q=a%0Ab", "?q"), (b"q=a%7Fb", "?q"), (b"q=%C2%85", "?q"), (b"q=%ff", "?q"),
        (b"q=\xff", "?q"), (b"q=%ED%A0%80", "?q"), (b"q=a&q=a", "?q"), (b"%71=a&q=b", "?q"), (b"q=&q=a", "?q"),
        (b"colour=red", "?colour"), (b"limit=0", "?limit"), (b"limit=101", "?limit"), (b"limit=1e2", "?limit"),
        (b"limit=%D9%A1", "?limit"),
        (b"limit=-1", "?limit"), (b"min_amount=1234567890123", "?min_amount"), (b"in_stock=yes", "?in_stock"),
        (b"sort=cheap", "?sort"), (b"q=" + b"x" * 201, "?q"), (b"category=" + b"x" * 2_001, "?category"),
        (b"n" * 101 + b"=1", "?" + "n" * 80), (b"%ff=1", "?"), (b"=1", "?"),
        (b"&".join(b"p%d=1" % n for n in range(33)), "?"),
    ],
)  # fmt: skip
def test_a_wrong_parameter_is_named(raw: bytes, pointer: str) -> None:
    assert refused(raw) == (422, "invalid", pointer)


def test_every_wrong_parameter_is_named() -> None:
    with pytest.raises(InputInvalid) as caught:
        parse_query(ProductParameters, b"limit=0&sort=x&colour=red")
    assert {pointer for pointer, _ in caught.value.errors} == {"?limit", "?sort", "?colour"}


@pytest.mark.parametrize("cursor", [b"%00", b"a%0ab", b"%ff", b"A" * 2_001])
def test_a_cursor_that_cannot_be_one_is_400(cursor: bytes) -> None:
    assert refused(b"cursor=" + cursor) == (400, "cursor-invalid", "?cursor")


def test_the_canonical_query_is_sorted_and_leaves_out_what_is_as_by_default() -> None:
    asked = parse_query(
        ProductParameters, b"sort=relevance&limit=020&in_stock=false&q=a%26b%3D%2B%20c&max_amount=9&category=%E2%82%AC"
    )
    assert canonical_query(asked) == "category=%E2%82%AC&max_amount=9&q=a%26b%3D%2B%20c"
    assert canonical_query(parse_query(ProductParameters, b"in_stock=true&limit=3")) == "in_stock=true&limit=3"
    assert canonical_query(parse_query(ProductParameters, b"")) == ""


TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=50)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "q": TEXT,
            "category": TEXT,
            "min_amount": st.integers(0, 10**12 - 1),
            "max_amount": st.integers(0, 10**12 - 1),
            "in_stock": st.sampled_from(["true", "false"]),
            "sort": st.sampled_from(["relevance", "price", "-price", "name", "newest"]),
            "limit": st.integers(1, 100),
        },
    ),
    st.randoms(),
)
def test_the_canonical_query_means_the_same_and_is_one_for_all_orders(values: dict[str, Any], random: Any) -> None:
    asked = parse_query(ProductParameters, urlencode(values).encode())
    text = canonical_query(asked)
    assert text.isascii()
    again = parse_query(ProductParameters, text.encode())
    assert again == asked
    assert canonical_query(again) == text
    items = list(values.items())
    random.shuffle(items)
    shuffled = urlencode(items, quote_via=quote).encode()
    assert canonical_query(parse_query(ProductParameters, shuffled)) == text


@given(
    st.binary(max_size=200)
    | st.lists(st.sampled_from([b"q", b"limit", b"=", b"&", b"%", b"0", b"f", b"+", b"\xc3"]), max_size=60).map(
        b"".join
    )
)
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    for model in MODELS:
        with suppress(InputInvalid):
            parse_query(model, raw)


def test_a_parameter_may_have_2000_characters_of_any_kind() -> None:
    with pytest.raises(InputInvalid, match="at most 200 characters"):
        parse_query(ProductParameters, b"q=" + quote("\U0001f600" * MAX_VALUE_LENGTH).encode())


@pytest.mark.parametrize(
    "raw",
    [
        b"&".join(b"n%d=1" % n for n in range(12_000)) + b"&n0=2",
        b"q=a&" * 16_000,
        b"&" * 65_000,
        b"q=" + b"%41" * 21_000,
        b"q=" + b"%" * 65_000,
        b"q=" + b"\t" * 65_000 + b"x",
        b"=" * 65_000,
        b"n" * 65_000,
        b"from=" + b"0" * 65_000,
        b"limit=" + b"9" * 65_000,
        b"&".join(b"n%d=%s" % (n, b"x" * 1_900) for n in range(MAX_PARAMETERS)),
    ],
    ids=range(11),
)
def test_a_long_query_is_read_in_linear_time(raw: bytes) -> None:
    for model in MODELS:
        taken = []
        for _ in range(3):
            began = time.process_time()
            with suppress(InputInvalid):
                parse_query(model, raw)
            taken.append(time.process_time() - began)
        assert min(taken) < 0.01
