"""Headers, ids and JSON bodies as API.md bounds them."""

import json
import re
import time
from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from holdfast.contracts.fields import PRODUCT_ID_PATTERN
from holdfast.contracts.inputs import (
    MAX_DEPTH,
    MAX_MEMBERS,
    IfMatch,
    InputInvalid,
    parse_idempotency_key,
    parse_if_match,
    require_plain_json,
    wants_no_cache,
)
from holdfast.contracts.requests import CartItem, NewProduct

A_LONG_HEADER = 30_000
ONE_CALL_S = 0.05


def seconds(work: Callable[[], object]) -> float:
    """CPU time of the quickest of three runs."""
    taken = []
    for _ in range(3):
        began = time.process_time()
        work()
        taken.append(time.process_time() - began)
    return min(taken)


def refused(body: bytes) -> str:
    with pytest.raises(InputInvalid) as caught:
        require_plain_json(body)
    assert (caught.value.status, caught.value.code, caught.value.errors[0][0]) == (422, "invalid", "")
    return caught.value.errors[0][1]


def test_an_idempotency_key_is_1_to_255_visible_ascii_characters_once() -> None:
    assert parse_idempotency_key([]) is None
    assert parse_idempotency_key(["k" * 255]) == "k" * 255
    for values in ([""], ["k" * 256], ["with space"], ["caf\u00e9"], ["tab\t"], ["k", "k"], ["k\n"]):
        with pytest.raises(InputInvalid) as caught:
            parse_idempotency_key(values)
        assert caught.value.errors[0][0] == "Idempotency-Key"


def test_if_match_is_one_quoted_version_or_a_star() -> None:
    assert parse_if_match([]) is None
    assert parse_if_match(['"3"']) == IfMatch(3)
    assert parse_if_match([' "0"\t']) == IfMatch(0)
    assert parse_if_match(["*"]) == IfMatch(None)
    wrong = (
        ["3"],
        ['"03"'],
        ['W/"3"'],
        ['"3", "4"'],
        ['"3"', '"3"'],
        ["*", "*"],
        ["*, *"],
        [""],
        ['"' + "9" * 16 + '"'],
    )
    for values in wrong:
        with pytest.raises(InputInvalid) as caught:
            parse_if_match(values)
        assert caught.value.errors[0][0] == "If-Match"


@pytest.mark.parametrize(("condition", "matching"), [(IfMatch(0), {0}), (IfMatch(3), {3}), (IfMatch(None), {1, 3})])
def test_a_star_matches_whatever_exists(condition: IfMatch, matching: set[int]) -> None:
    assert {version for version in (0, 1, 3) if condition.matches(version)} == matching


def test_if_match_is_written_as_it_is_read() -> None:
    for condition in (IfMatch(None), IfMatch(0), IfMatch(10**14)):
        assert parse_if_match([str(condition)]) == condition


@pytest.mark.parametrize("value", ["no-cache", "No-Cache", "max-age=0, no-cache", "no-cache ,no-store", " \tno-cache"])
def test_no_cache_is_one_directive_among_others(value: str) -> None:
    assert wants_no_cache(["max-age=3", value])


@pytest.mark.parametrize("value", ["", "no-store", "x-no-cache", "no-cache-please", "max-age=0", "no-cache=field"])
def test_other_directives_are_ignored(value: str) -> None:
    assert not wants_no_cache([value])


@pytest.mark.parametrize("unit", [" ", ",", ", ", " \t,", "no-cache ", "no-cache;", '"', "\\"])
def test_headers_are_read_in_linear_time(unit: str) -> None:
    long = unit * (A_LONG_HEADER // len(unit)) + "no-cache"

    def read() -> None:
        wants_no_cache([long])
        for parse in (parse_idempotency_key, parse_if_match):
            with pytest.raises(InputInvalid):
                parse([long + " "])

    assert seconds(read) < ONE_CALL_S


@pytest.mark.parametrize("product_id", ["a", "85123A", "a.b", ".a", "..a", "...", "a.", "a..", "-", "_", "a" * 40])
def test_a_product_id_may_hold_dots(product_id: str) -> None:
    assert CartItem(product_id=product_id, quantity=1).product_id == product_id


@pytest.mark.parametrize(
    "product_id", [".", "..", "", "a" * 41, "." * 41, "." + "a" * 40, "a b", "a/b", "a\n", "\u00e9"]
)
def test_a_segment_of_one_or_two_dots_is_no_product(product_id: str) -> None:
    with pytest.raises(ValidationError):
        CartItem(product_id=product_id, quantity=1)
    with pytest.raises(ValidationError) as caught:
        NewProduct.model_validate(
            {"product_id": product_id, "name": "n", "category": "c", "unit_amount": 1, "available": 0}
        )
    assert [error["loc"] for error in caught.value.errors()] == [("product_id",)]


@given(st.text(alphabet="ab.-_/ \n", max_size=42))
def test_the_product_id_pattern_says_what_the_rule_says(product_id: str) -> None:
    plain = re.fullmatch(r"[A-Za-z0-9._-]{1,40}", product_id) is not None and product_id not in (".", "..")
    assert (re.fullmatch(PRODUCT_ID_PATTERN, product_id) is not None) == plain


def test_json_may_nest_16_levels_and_hold_1000_members() -> None:
    require_plain_json(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH)
    require_plain_json(json.dumps(list(range(MAX_MEMBERS))).encode())
    require_plain_json(json.dumps({"text": "[" * 3_000 + "{," * 3_000}).encode())
    require_plain_json(json.dumps({"text": '\\"[' * 3_000}).encode())
    require_plain_json(json.dumps({"digits": "0" * 200, "number": 10**15}).encode())
    require_plain_json(b"")
    require_plain_json(b"nonsense")


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (b"[" * 17 + b"]" * 17, "16 levels"),
        (b'{"a":' * 17 + b"1" + b"}" * 17, "16 levels"),
        (b"[" * 30_000 + b"]" * 30_000, "members"),
        (json.dumps(list(range(MAX_MEMBERS + 1))).encode(), "members"),
        (json.dumps({str(n): n for n in range(MAX_MEMBERS + 1)}).encode(), "members"),
        (b'{"quantity": ' + b"9" * 33 + b"}", "number"),
        (b'{"quantity": 1e' + b"0" * 40 + b"}", "number"),
        (b'{"a": "' + b"0" * 40 + b'", "quantity": -' + b"1" * 4_001 + b"}", "number"),
    ],
)
def test_json_beyond_the_bounds_is_refused(body: bytes, what: str) -> None:
    assert what in refused(body)


@given(st.recursive(st.none() | st.text(max_size=3), lambda inner: st.lists(inner, max_size=3), max_leaves=30))
def test_brackets_in_strings_do_not_count(value: object) -> None:
    require_plain_json(json.dumps({"a": value, "b": "[{" * 600}).encode())


@pytest.mark.parametrize(
    "unit", [b'"', b'\\"', b'"\\', b"[", b"]", b"{,", b"0", b"0" * 32 + b" ", b'"[', b'\\"[', b"\\", b'[""],', b"\xff"]
)
@pytest.mark.parametrize("start", [b"", b'"', b"["])
def test_json_is_measured_in_linear_time(unit: bytes, start: bytes) -> None:
    body = start + unit * (65_536 // len(unit))

    def measure() -> None:
        with suppress(InputInvalid):
            require_plain_json(body)

    assert seconds(measure) < ONE_CALL_S


@pytest.mark.parametrize("body", [b"[" * 17, b"[" * 60_000, b"{" * 2_000 + b"}" * 1_999, b"[" * 17 + b"}" * 17])
def test_brackets_that_do_not_match_are_no_json(body: bytes) -> None:
    with pytest.raises(InputInvalid) as refused:
        require_plain_json(body)
    assert (refused.value.status, refused.value.code) == (400, "malformed")
