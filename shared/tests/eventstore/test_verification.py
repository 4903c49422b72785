"""`verify` refolds every stream and reports what its events do not bear out."""

import asyncio
from datetime import UTC, datetime

import pytest

from holdfast.eventstore import Database, DatabaseUnavailable, Verification, verify

pytestmark = pytest.mark.stores
NOON = datetime(2026, 1, 1, 12, 0, 0, 5, tzinfo=UTC)


ZEROS = r"'\x" + "00" * 32 + "'"


def event(stream_id: str, version: int, event_type: str) -> str:
    """A statement that stores an event which no chain has."""
    return (
        "INSERT INTO events (stream_id, version, type, schema_version, data, metadata, recorded_at, hash)"
        f" VALUES ('{stream_id}', {version}, '{event_type}', 2, '{{}}', '{{}}', now(), {ZEROS})"
    )


async def differences(shop) -> list[str]:
    return [f"{each.stream_id} {each.what}" async for each in verify(shop.database, [shop.cart, shop.product])]


@pytest.fixture
async def filled(shop):
    for amount in (1, 2, 3):
        await shop.add("1", amounts=(amount,), owner="ann", recorded_at=NOON)
    await shop.add("2", "3", amounts=(5, 6))
    return shop


async def test_a_sound_store_has_no_differences_and_is_counted(filled):
    counts = Verification()
    assert [each async for each in verify(filled.database, [filled.cart], counts)] == []
    assert (counts.streams, counts.events, counts.differences) == (3, 7, 0)


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        ("UPDATE streams SET state = '{\"total\": 7}' WHERE stream_id = 'cart-1'", ["cart-1 state"]),
        ("UPDATE streams SET version = 9 WHERE stream_id = 'cart-2'", ["cart-2 version"]),
        ("UPDATE streams SET owner = 'bob' WHERE stream_id = 'cart-1'", ["cart-1 owner"]),
        ("UPDATE streams SET created_at = now() WHERE stream_id = 'cart-1'", ["cart-1 created_at"]),
        ("UPDATE streams SET kind = 'product' WHERE stream_id = 'cart-3'", ["cart-3 kind"]),
        ("UPDATE streams SET kind = 'boat' WHERE stream_id = 'cart-3'", ["cart-3 kind"]),
        ("DELETE FROM streams WHERE stream_id = 'cart-2'", ["cart-2 stream"]),
        (
            "INSERT INTO streams (stream_id, kind, created_at, version, state, hash)"
            f" VALUES ('cart-9', 'cart', now(), 1, '{{}}', {ZEROS})",
            ["cart-9 stream"],
        ),
        (f"UPDATE streams SET hash = {ZEROS} WHERE stream_id = 'cart-1'", ["cart-1 hash"]),
        (event("cart-1", 5, "Added"), ["cart-1 event", "cart-1 hash"]),
        (event("cart-1", 4, "Vanished"), ["cart-1 event", "cart-1 hash"]),
        (event("cart-1", 4, "Added"), ["cart-1 event", "cart-1 hash"]),
        (event("boat-1", 1, "Added"), ["boat-1 kind", "boat-1 hash"]),
        (
            "UPDATE events SET data = '{\"amount\": 7}' WHERE stream_id = 'cart-3' AND version = 1",
            ["cart-3 state", "cart-3 hash"],
        ),
        (
            "UPDATE events SET metadata = '{\"actor\": \"eve\"}' WHERE stream_id = 'cart-3' AND version = 1",
            ["cart-3 hash"],
        ),
        (
            "UPDATE events SET type = 'Incremented', schema_version = 1 WHERE stream_id = 'cart-3' AND version = 2",
            ["cart-3 event", "cart-3 hash"],
        ),
        (
            "UPDATE events SET recorded_at = recorded_at + interval '1 us' WHERE stream_id = 'cart-3' AND version = 2",
            ["cart-3 hash"],
        ),
        (
            "UPDATE events SET stream_id = 'cart-4' WHERE stream_id = 'cart-3'",
            ["cart-3 stream", "cart-4 stream", "cart-4 hash", "cart-4 hash"],
        ),
        ("DELETE FROM events WHERE stream_id = 'cart-1' AND version = 2", ["cart-1 event", "cart-1 hash"]),
        (
            "DELETE FROM events WHERE stream_id = 'cart-1' AND version = 3",
            ["cart-1 version", "cart-1 hash", "cart-1 state"],
        ),
    ],
)
async def test_each_kind_of_damage_is_found_and_nothing_else(filled, damage, found):
    await filled.tamper(damage)
    assert await differences(filled) == found


async def test_a_difference_says_what_is_stored_and_what_the_events_give(filled):
    await filled.query("UPDATE streams SET state = '{\"total\": 7}' WHERE stream_id = 'cart-1'")
    (difference,) = [each async for each in verify(filled.database, [filled.cart])]
    assert str(difference) == "cart-1: state stored as {'total': 7}, events give {'total': 6}"


async def test_a_changed_event_is_named_by_its_version_and_the_later_ones_are_not(filled):
    await filled.tamper("UPDATE events SET data = '{\"amount\": 1.0}' WHERE stream_id = 'cart-1' AND version = 2")
    found = [each async for each in verify(filled.database, [filled.cart]) if each.what == "hash"]
    assert [str(each.stored).partition(":")[0] for each in found] == ["version 2"]


async def test_verifying_while_others_append_sees_one_moment(shop):
    await shop.add("1", "2")
    stop = asyncio.Event()

    async def keep_adding() -> int:
        added = 0
        while not stop.is_set():
            await shop.add("1", "2")
            added += 1
        return added

    adding = asyncio.create_task(keep_adding())
    for _ in range(5):
        assert await differences(shop) == []
    stop.set()
    assert await adding > 0


async def test_more_streams_than_one_read_ahead_are_compared(shop):
    await shop.add(*(f"{number}" for number in range(1100)))
    await shop.query("UPDATE streams SET version = 2 WHERE stream_id = 'cart-1099'")
    assert await differences(shop) == ["cart-1099 version"]


async def test_verifying_without_postgres_says_so(unused_tcp_port, cart):
    with pytest.raises(DatabaseUnavailable):
        [each async for each in verify(Database(f"postgresql://nobody@127.0.0.1:{unused_tcp_port}/x"), [cart])]
