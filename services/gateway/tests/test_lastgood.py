"""The cache of last good answers, on a fake clock."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.lastgood import LastGood
from holdfast.resilience.clock import FakeClock

JSON = "application/json"


def test_an_answer_ages_from_when_the_read_model_was_right() -> None:
    clock = FakeClock()
    kept = LastGood(10_000, clock=clock)
    kept.keep("a", b"1", JSON, age_s=5)
    clock.advance(10.9)
    found = kept.find("a", 60)
    assert found is not None
    assert (found[0].body, found[0].content_type, found[1]) == (b"1", JSON, 15)


def test_an_answer_is_shown_to_its_last_second_and_no_longer() -> None:
    clock = FakeClock()
    kept = LastGood(10_000, clock=clock)
    kept.keep("a", b"1", JSON)
    clock.advance(120)
    assert kept.find("a", 120) is not None
    clock.advance(1)
    assert kept.find("a", 120) is None


def test_nothing_is_found_where_nothing_was_kept() -> None:
    assert LastGood(10_000).find("a", 60) is None


def test_the_newest_answer_replaces_the_one_before() -> None:
    kept = LastGood(10_000)
    kept.keep("a", b"old", JSON)
    kept.keep("a", b"new", JSON)
    found = kept.find("a", 60)
    assert found is not None
    assert found[0].body == b"new"
    assert len(kept) == 1


def test_the_least_recently_used_goes_first() -> None:
    kept = LastGood(2_000)
    kept.keep("a", b"x" * 400, JSON)
    kept.keep("b", b"x" * 400, JSON)
    kept.find("a", 60)
    kept.keep("c", b"x" * 400, JSON)
    assert [kept.find(key, 60) is not None for key in "abc"] == [True, False, True]


def test_an_answer_over_the_limit_is_not_kept_and_drops_its_elder() -> None:
    kept = LastGood(2_000)
    kept.keep("a", b"small", JSON)
    kept.keep("a", b"x" * 5_000, JSON)
    assert kept.find("a", 60) is None
    assert kept.bytes == 0


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 1_500)), max_size=60), st.integers(0, 5_000))
def test_memory_stays_within_the_limit(puts: list[tuple[str, int]], limit: int) -> None:
    kept = LastGood(limit)
    for key, size in puts:
        kept.keep(key, b"x" * size, JSON)
        assert kept.bytes <= limit
        assert (kept.bytes == 0) == (len(kept) == 0)
