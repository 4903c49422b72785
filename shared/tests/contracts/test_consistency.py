"""The Consistency-Token is read strictly: `stream@version`, comma-separated."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.contracts.consistency import ConsistencyTokenInvalid, decode_consistency, encode_consistency

ORDER = "order-0194e7a0-0000-7000-8000-000000000001"
CART = "cart-0194e7a0-0000-7000-8000-000000000002"

streams = st.one_of(
    st.uuids().map(lambda uuid: f"order-{uuid}"),
    st.uuids().map(lambda uuid: f"cart-{uuid}"),
    st.from_regex(r"\Aproduct-[A-Za-z0-9._-]{1,40}\Z"),
)


@given(st.dictionaries(streams, st.integers(0, 10**15 - 1), max_size=20))
def test_a_token_gives_back_the_versions_it_was_made_of(versions: dict[str, int]) -> None:
    assert decode_consistency([encode_consistency(versions)]) == versions


def test_several_headers_and_blanks_are_one_list_and_the_highest_version_counts() -> None:
    assert decode_consistency([f"{ORDER}@3,{CART}@1 ", f"\t{ORDER}@2"]) == {ORDER: 3, CART: 1}


def test_no_header_and_an_empty_one_ask_for_nothing() -> None:
    assert decode_consistency([]) == {}
    assert decode_consistency([""]) == {}


@pytest.mark.parametrize(
    "value",
    [
        "x",
        ",",
        f"{ORDER}@1,",
        f"{ORDER}",
        f"{ORDER}@",
        f"{ORDER}@-1",
        f"{ORDER}@01",
        f"{ORDER}@1.0",
        f"{ORDER}@9999999999999999",
        f"{ORDER} @1",
        f"{ORDER.upper()}@1",
        "order-7@1",
        "product-a b@1",
        f"product-{'a' * 41}@1",
        "parcel-1@1",
        f"{ORDER}@١",
        ", ".join(f"product-p{n}@1" for n in range(101)),
        "product-a@1," * 1_000,
    ],
)
def test_anything_else_is_refused(value: str) -> None:
    with pytest.raises(ConsistencyTokenInvalid):
        decode_consistency([value])
