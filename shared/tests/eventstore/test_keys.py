"""Keys that a stream remembers (CORRECTNESS 1)."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.eventstore import CommandKey, KeyReused, RecentKey, Stream, fingerprint, recent_key, scoped_key
from holdfast.eventstore.keys import dump_keys, fold_key, load_keys

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def stream_with(*keys: RecentKey) -> Stream[int]:
    return Stream("cart-1", None, None, NOON, 9, 0, keys)  # type: ignore[arg-type]


def test_a_key_is_scoped_by_caller_and_operation():
    keys = {scoped_key(caller, call, "k") for caller in ("ann", "bob") for call in ("checkout", "cancel")}
    assert len(keys) == 4
    assert scoped_key("ann", "checkout", "k") in keys


def test_scopes_do_not_run_into_each_other():
    assert scoped_key("a", "bc", "d") != scoped_key("ab", "c", "d")


def test_a_fingerprint_ignores_the_order_of_fields_only():
    assert fingerprint({"a": 1, "b": [2, 3]}) == fingerprint({"b": [2, 3], "a": 1})
    assert fingerprint({"a": [2, 3]}) != fingerprint({"a": [3, 2]})


def test_a_remembered_key_gives_the_version_its_command_ended_at():
    stream = stream_with(RecentKey("h1", "f", 3, NOON), RecentKey("h2", "f", 7, NOON))
    assert recent_key(stream, "h1", "f") == 3
    assert recent_key(stream, "h3", "f") is None


def test_a_key_with_another_request_is_refused():
    with pytest.raises(KeyReused, match="cart-1"):
        recent_key(stream_with(RecentKey("h", "f", 3, NOON)), "h", "other")


def test_a_key_is_forgotten_after_24_hours_on_a_quiet_stream_too():
    stream = stream_with(RecentKey("h", "f", 3, NOON))
    assert recent_key(stream, "h", "f", NOON + timedelta(hours=24)) == 3
    assert recent_key(stream, "h", "f", NOON + timedelta(hours=24, microseconds=1)) is None


def test_an_event_without_a_key_changes_nothing():
    kept = (RecentKey("h", "f", 3, NOON),)
    assert fold_key(kept, None, 9, NOON + timedelta(days=30)) == kept


def test_rows_and_keys_convert_into_each_other():
    keys = (RecentKey("h", "f", 3, NOON + timedelta(microseconds=7)),)
    assert load_keys(dump_keys(keys)) == keys


@given(st.lists(st.integers(0, 40_000), max_size=700).map(sorted))
def test_folding_keeps_the_last_256_of_the_24_hours_before_the_newest(seconds: list[int]):
    kept: tuple[RecentKey, ...] = ()
    for version, second in enumerate(seconds, 1):
        kept = fold_key(kept, CommandKey(f"h{version}", "f"), version, NOON + timedelta(seconds=10 * second))
    newest = seconds[-1] if seconds else 0
    expected = [version for version, second in enumerate(seconds, 1) if 10 * (newest - second) <= 86_400]
    assert [key.version for key in kept] == expected[-256:]
