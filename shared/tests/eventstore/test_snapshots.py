"""A stream's state at any version, with the work bounded however long the stream is."""

import pytest

from holdfast.eventstore import (
    SNAPSHOT_EVERY,
    Append,
    Metadata,
    SnapshotMissing,
    UnknownEventType,
    append,
    fill_snapshots,
    history,
    lock_streams,
    state_at,
    verify,
)
from holdfast.eventstore import snapshots as module
from holdfast.resilience.deadline import Deadline

pytestmark = pytest.mark.stores
EVERY = SNAPSHOT_EVERY


async def state(shop, version, stream_id="cart-1"):
    async with shop.database.transaction(Deadline.after(10)) as tx:
        return await state_at(tx, shop.cart, stream_id, version)


async def stored(shop):
    rows = await shop.query("SELECT stream_id, version, state->'total' AS total FROM snapshots ORDER BY 1, 2")
    return [(row["stream_id"], row["version"], int(row["total"])) for row in rows]


async def filled(shop):
    return [place async for place in fill_snapshots(shop.database, {"cart": shop.cart})]


@pytest.fixture
def read_events(monkeypatch):
    """How many events each fold read."""
    counts = []

    async def counting(*arguments):
        events = await history(*arguments)
        counts.append(len(events))
        return events

    monkeypatch.setattr(module, "history", counting)
    return counts


async def test_a_stream_can_be_folded_at_any_version(shop):
    await shop.add("1", amounts=(1, 2, 3))
    assert [await state(shop, version) for version in (1, 2, 3)] == [1, 3, 6]
    assert await stored(shop) == []


async def test_an_append_writes_the_snapshots_that_it_reaches(shop):
    await shop.add("1", amounts=(1,) * (EVERY - 1))
    assert await stored(shop) == []
    await shop.add("1", "2")
    assert await stored(shop) == [("cart-1", EVERY, EVERY)]
    await shop.add("1", "2", amounts=(2,) * (2 * EVERY))
    assert await stored(shop) == [
        ("cart-1", EVERY, EVERY),
        ("cart-1", 2 * EVERY, 3 * EVERY),
        ("cart-1", 3 * EVERY, 5 * EVERY),
        ("cart-2", EVERY, 2 * EVERY - 1),
        ("cart-2", 2 * EVERY, 4 * EVERY - 1),
    ]


async def test_what_is_rolled_back_leaves_no_snapshot(shop, added, raising):
    await shop.add("1", amounts=(1,) * (EVERY - 1))
    async with raising(RuntimeError), shop.database.transaction(Deadline.after(5)) as tx:
        (stream,) = (await lock_streams(tx, [(shop.cart, "1")])).values()
        await append(tx, [Append(stream, [added(1)])], Metadata())
        raise RuntimeError
    assert await stored(shop) == []


@pytest.mark.parametrize("version", [1, EVERY - 1, EVERY, EVERY + 1, 2 * EVERY - 1, 2 * EVERY, 4 * EVERY + 17])
async def test_a_state_is_the_fold_of_all_events_and_reads_fewer_than_one_snapshots_worth(shop, read_events, version):
    amounts = [number % 7 for number in range(4 * EVERY + 20)]
    for at in range(0, len(amounts), 700):
        await shop.add("1", amounts=tuple(amounts[at : at + 700]))
    assert await state(shop, version) == sum(amounts[:version])
    assert sum(read_events) == version % EVERY


async def test_a_stream_from_before_has_no_state_until_its_snapshots_are_filled(shop, read_events):
    await shop.add("1", "2", amounts=(1,) * (3 * EVERY + 5))
    await shop.query("DELETE FROM snapshots WHERE version <> $1", 2 * EVERY)  # as if some had come by an append since
    with pytest.raises(SnapshotMissing):
        await state(shop, 3 * EVERY + 1)
    assert read_events == []
    assert await state(shop, EVERY - 1) == EVERY - 1
    expected = [(f"cart-{n}", m * EVERY) for n in (1, 2) for m in (1, 3)]
    read_events.clear()
    assert await filled(shop) == expected
    assert read_events == [EVERY] * 4
    assert await state(shop, 3 * EVERY + 1) == 3 * EVERY + 1
    assert await filled(shop) == []
    assert [each async for each in verify(shop.database, [shop.cart])] == []


async def test_a_stream_that_cannot_be_read_does_not_keep_the_others_from_theirs(shop):
    await shop.add("1", "2", amounts=(1,) * (2 * EVERY))
    await shop.query("DELETE FROM snapshots")
    await shop.query("ALTER TABLE events DISABLE TRIGGER USER")
    await shop.query("UPDATE events SET type = 'Vanished' WHERE stream_id = 'cart-1' AND version = 3")
    assert await filled(shop) == [("cart-2", EVERY), ("cart-2", 2 * EVERY)]
    with pytest.raises(UnknownEventType):
        await state(shop, 5)


async def test_more_missing_snapshots_than_one_batch_are_filled(shop, monkeypatch):
    monkeypatch.setattr(module, "_BATCH", 2)
    await shop.add("1", "2", amounts=(1,) * (3 * EVERY))
    await shop.query("DELETE FROM snapshots")
    assert len(await filled(shop)) == 6


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE snapshots SET state = '{\"total\": 7}' WHERE version = 500",
        "UPDATE snapshots SET version = 501 WHERE version = 500",
        "INSERT INTO snapshots VALUES ('cart-1', 2000, '{}')",
    ],
)
async def test_verify_finds_a_snapshot_that_the_events_do_not_bear_out(shop, damage):
    await shop.add("1", "2", amounts=(1,) * (2 * EVERY))
    await shop.query(damage.replace("WHERE", "WHERE stream_id = 'cart-1' AND"))
    found = [(each.stream_id, each.what) async for each in verify(shop.database, [shop.cart])]
    assert found == [("cart-1", "snapshot")]


async def test_verify_finds_a_snapshot_of_a_stream_that_is_none(shop):
    await shop.add("1")
    await shop.query("INSERT INTO snapshots VALUES ('cart-0', 500, '{}'), ('cart-2', 500, '{}')")
    found = [(each.stream_id, each.what) async for each in verify(shop.database, [shop.cart])]
    assert found == [("cart-0", "stream"), ("cart-2", "stream")]
