"""Which index is which, which serves next, which is done with; and how fresh an index is."""

from datetime import UTC, datetime, timedelta

import pytest

from holdfast.contracts.messages import Heartbeat
from projector_service.backoff import Backoff
from projector_service.freshness import Heartbeats
from projector_service.indices import Index, candidate, caught_up, outdated, parse

NOW = datetime(2010, 12, 1, 12, tzinfo=UTC)


def index(version: int, suffix: int, *, serves: bool = False) -> Index:
    return Index(f"orders-{version}-{suffix}", "orders", version, suffix, "uuid-of-it-all", serves)


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("x-orders-1-0", True),
        ("x-orders-12-1795485907", True),
        ("x-orders-1", False),
        ("x-orders-a-0", False),
        ("orders-1-0", False),
        ("x-orders-old-1-0", False),
        ("x-orders-1-0-copy", False),
    ],
)
def test_only_our_own_names_are_indices(name: str, known: bool) -> None:
    assert (parse("x-", "orders", name, "uuid", []) is not None) == known


def test_a_parsed_index_knows_its_place() -> None:
    assert parse("x-", "orders", "x-orders-2-17", "AbCdEfGhIj", ["x-orders"]) == Index(
        "x-orders-2-17", "orders", 2, 17, "AbCdEfGhIj", True
    )
    parsed = parse("x-", "orders", "x-orders-1-17", "AbCdEfGhIj", ["other"])
    assert parsed is not None
    assert parsed.ours
    assert not parsed.serves
    assert parsed.kafka_topic("x-") == "x-orders"
    assert parsed.group("x-") == "x-projector-x-orders-1-17-AbCdEfGh"


def test_the_newest_of_ours_is_to_serve_next() -> None:
    serving = index(1, 0, serves=True)
    assert candidate([]) is None
    assert candidate([serving]) is None
    assert candidate([serving, index(1, 5), index(1, 9)]) == index(1, 9)
    assert candidate([serving, index(2, 0)]) is None, "not ours to fill"
    assert candidate([index(2, 0, serves=True), index(1, 9)]) is None, "never back to an older version"
    assert candidate([index(1, 0)]) == index(1, 0), "an alias that was lost"


def test_replaced_indices_are_outdated_and_newer_ones_are_not() -> None:
    serving = index(1, 5, serves=True)
    assert outdated([index(1, 0), serving, index(1, 9)]) == [index(1, 0)]
    assert outdated([index(1, 0), index(1, 9)]) == []


@pytest.mark.parametrize(
    ("committed", "ends", "ages", "expected"),
    [
        ({0: 5, 1: 7}, {0: 5, 1: 7}, {0: 1, 1: 1}, True),
        ({0: 5, 1: 6}, {0: 5, 1: 7}, {0: 1, 1: 1}, False),
        ({0: 5}, {0: 5, 1: 0}, {0: 1, 1: 1}, True),
        ({0: 5, 1: 7}, {0: 5, 1: 7}, {0: 1, 1: 3}, False),
        ({0: 5, 1: 7}, {0: 5, 1: 7}, {0: 1}, False),
        ({0: 5, 1: 7}, {}, {0: 1, 1: 1}, False),
    ],
)
def test_a_rebuild_serves_once_every_partition_passed_its_end_and_is_fresh(
    committed: dict[int, int], ends: dict[int, int], ages: dict[int, int], expected: bool
) -> None:
    watermarks = {partition: NOW - timedelta(seconds=age) for partition, age in ages.items()}
    assert caught_up(committed, ends, watermarks, now=NOW, fresh_s=2.0) == expected


def beat(second: int, *offsets: int) -> Heartbeat:
    return Heartbeat(drained_at=NOW + timedelta(seconds=second), offsets={"orders": list(offsets)})


def test_a_partition_is_as_fresh_as_the_newest_heartbeat_that_it_has_passed() -> None:
    heartbeats = Heartbeats()
    assert heartbeats.drained_at("orders", {0: 5}) == {}
    assert heartbeats.ends("orders") == {}
    for each in (beat(0, -1, 3), beat(1, 4, 3), beat(2, 9, 8)):
        heartbeats.add(each)
    assert heartbeats.ends("orders") == {0: 10, 1: 9}
    assert heartbeats.ends("carts") == {}
    seconds = {partition: (at - NOW).seconds for partition, at in heartbeats.drained_at("orders", {0: 5, 1: 9}).items()}
    assert seconds == {0: 1, 1: 2}
    assert heartbeats.drained_at("orders", {0: 0, 1: 3}) == {0: NOW}, "partition 1 has passed none"
    assert heartbeats.drained_at("carts", {0: 5}) == {}


def test_offsets_that_go_back_make_what_was_known_void() -> None:
    heartbeats = Heartbeats()
    heartbeats.add(beat(0, 5))
    heartbeats.add(beat(1, 2))
    heartbeats.add(beat(2, 7))
    assert heartbeats.drained_at("orders", {0: 6}) == {0: NOW + timedelta(seconds=1)}
    assert heartbeats.drained_at("orders", {0: 2}) == {}


def test_waits_double_up_to_two_seconds_with_jitter() -> None:
    backoff = Backoff(rng=lambda: 0.5)
    waits = [backoff.next_s() for _ in range(7)]
    assert waits == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0])
    backoff.reset()
    assert backoff.next_s() == pytest.approx(0.1)
    assert Backoff(rng=lambda: 0.0).next_s() == pytest.approx(0.075)
