"""Streams are read, locked and appended to."""

import asyncio
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from holdfast.eventstore import (
    Append,
    Metadata,
    VersionConflict,
    append,
    history,
    lock_streams,
    newest_events,
    read_stream,
    read_streams,
    reading,
)
from holdfast.resilience.deadline import Deadline

pytestmark = pytest.mark.stores
NOON = datetime(2026, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)


def within(shop, seconds=5):
    return shop.database.transaction(Deadline.after(seconds))


async def test_an_absent_stream_has_version_0_and_the_initial_state(shop):
    async with within(shop) as tx:
        stream = await read_stream(tx, (shop.cart, "1"))
    assert (stream.stream_id, stream.version, stream.state, stream.exists) == ("cart-1", 0, 0, False)
    assert (stream.owner, stream.created_at) == (None, None)


async def test_what_was_appended_is_read_back_folded(shop):
    changed = await shop.add("1", amounts=(2, 3), owner="ann", recorded_at=NOON)
    async with within(shop) as tx:
        stream = await read_stream(tx, (shop.cart, "1"))
    assert stream == changed["cart-1"]
    assert (stream.version, stream.state, stream.owner, stream.created_at) == (2, 5, "ann", NOON)
    changed = await shop.add("1", amounts=(4,))
    async with within(shop) as tx:
        stream = await read_stream(tx, (shop.cart, "1"))
    assert stream == changed["cart-1"]
    assert (stream.version, stream.state) == (3, 9)


async def test_owner_and_creation_stay_as_they_were_at_the_first_append(shop):
    await shop.add("1", owner="ann", recorded_at=NOON)
    await shop.add("1", owner="bob", recorded_at=NOON + timedelta(days=1))
    async with within(shop) as tx:
        stream = await read_stream(tx, (shop.cart, "1"))
    assert (stream.owner, stream.created_at, stream.version) == ("ann", NOON, 2)


async def test_events_keep_their_audit_trail(shop, added):
    audit = Metadata(actor="ann", correlation_id="c", causation_id="e", traceparent="00-1-2-01")
    async with within(shop) as tx:
        streams = await lock_streams(tx, [(shop.cart, "1")])
        await append(tx, [Append(streams["cart-1"], [added(4)])], audit, recorded_at=NOON)
        (event,) = await history(tx, "cart-1")
    assert (event.stream_id, event.version, event.type, event.schema_version) == ("cart-1", 1, "Added", 2)
    assert (event.data, event.metadata.audit, event.recorded_at) == ({"amount": 4}, audit, NOON)


async def test_one_transaction_takes_the_same_statements_for_500_streams_as_for_one(shop, added):
    async def statements(count: int) -> list[str]:
        sent: list[str] = []
        async with within(shop, 20) as tx:
            tx._connection.add_query_logger(lambda record: sent.append(record.query.strip()))
            streams = await lock_streams(tx, [(shop.product, f"{count}-{number}") for number in range(count)])
            await append(tx, [Append(each, [added(1)]) for each in streams.values()], Metadata())
        await asyncio.sleep(0.01)  # loggers are called by the loop
        return [query.split()[0] for query in sent if not query.startswith(("BEGIN", "SET LOCAL"))]

    await statements(2)  # prepares them on the pool's one connection
    assert await statements(500) == await statements(1) == ["SELECT", "INSERT", "WITH", "COMMIT"]


async def test_streams_are_locked_in_the_order_of_their_bytes(shop):
    await shop.add("a", "B", "é", "_")
    async with within(shop) as tx:
        locked = await tx.fetch(
            "SELECT stream_id FROM streams WHERE stream_id = ANY($1) ORDER BY stream_id FOR UPDATE",
            ["cart-é", "cart-a", "cart-_", "cart-B"],
        )
    assert [row["stream_id"] for row in locked] == ["cart-B", "cart-_", "cart-a", "cart-é"]


async def test_a_stream_that_changed_since_it_was_read_is_a_conflict(shop, added, raising):
    await shop.add("1")
    async with within(shop) as tx:
        stale = await read_stream(tx, (shop.cart, "1"))
    await shop.add("1")
    async with raising(VersionConflict) as caught, within(shop) as tx:
        await append(tx, [Append(stale, [added(1)])], Metadata())
    assert (caught.value.stream_id, caught.value.expected, caught.value.actual) == ("cart-1", 1, 2)


async def test_a_stream_created_meanwhile_is_a_conflict(shop, added, raising):
    async with within(shop) as tx:
        absent = await read_stream(tx, (shop.cart, "1"))
    await shop.add("1")
    async with raising(VersionConflict) as caught, within(shop) as tx:
        await append(tx, [Append(absent, [added(1)])], Metadata())
    assert (caught.value.expected, caught.value.actual) == (0, 1)


async def test_a_version_of_a_stream_that_is_not_there_is_a_conflict(shop, added, raising):
    changed = await shop.add("1")
    async with within(shop) as tx:
        await tx.execute("DELETE FROM streams")
    async with raising(VersionConflict) as caught, within(shop) as tx:
        await append(tx, [Append(changed["cart-1"], [added(1)])], Metadata())
    assert (caught.value.expected, caught.value.actual) == (1, 0)


async def test_a_conflict_of_one_stream_leaves_the_others_as_they_were(shop, added, raising):
    async with within(shop) as tx:
        streams = await read_streams(tx, [(shop.cart, "1"), (shop.cart, "2")])
    await shop.add("2")
    async with raising(VersionConflict), within(shop) as tx:
        await append(tx, [Append(each, [added(1)]) for each in streams.values()], Metadata())
    async with within(shop) as tx:
        assert not (await read_stream(tx, (shop.cart, "1"))).exists
        assert await history(tx, "cart-1") == []


async def test_appending_nothing_does_nothing(shop):
    async with within(shop) as tx:
        stream = await read_stream(tx, (shop.cart, "1"))
        assert await append(tx, [Append(stream, [])], Metadata()) == {}
    assert await shop.query("SELECT * FROM streams") == []


async def test_the_same_stream_twice_in_one_append_is_refused(shop, added, raising):
    async with raising(ValueError, match="twice"), within(shop) as tx:
        stream = await read_stream(tx, (shop.cart, "1"))
        await append(tx, [Append(stream, [added(1)]), Append(stream, [added(1)])], Metadata())


@pytest.mark.parametrize(
    "statement",
    ["UPDATE events SET data = '{}'", "DELETE FROM events WHERE version = 1", "TRUNCATE events"],
)
async def test_the_database_itself_refuses_to_change_events(shop, statement):
    await shop.add("1")
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
        await shop.query(statement)


async def test_history_gives_a_range_of_versions(shop):
    await shop.add("1", amounts=(1, 2, 3, 4))
    async with within(shop) as tx:
        assert [each.version for each in await history(tx, "cart-1", 2, 3)] == [2, 3]
        assert [each.version for each in await history(tx, "cart-1", 3)] == [3, 4]
        assert [each.version for each in await history(tx, "cart-1", limit=1)] == [1]
        assert await history(tx, "cart-2") == []


async def test_the_newest_events_are_as_many_as_asked_for_or_as_are_small_enough(shop, monkeypatch):
    await shop.add("1", amounts=(1, 2, 3, 4, 5))

    async def versions(to_version, limit):
        async with within(shop) as tx:
            return [each.version for each in await newest_events(tx, "cart-1", to_version, limit)]

    assert await versions(5, 2) == [4, 5]
    assert await versions(3, 9) == [1, 2, 3]
    assert await versions(0, 9) == []
    monkeypatch.setattr(reading, "_PAGE_BYTES", 40)  # a stored `{"amount": 1}` has 26
    assert await versions(5, 9) == [4, 5]
    monkeypatch.setattr(reading, "_PAGE_BYTES", 1)
    assert await versions(5, 9) == [5]


async def test_an_owners_streams_are_found_by_the_index(shop):
    async with within(shop) as tx:
        await tx.execute("SET LOCAL enable_seqscan = off")
        plan = await tx.fetch(
            """EXPLAIN SELECT stream_id FROM streams WHERE owner = 'a' AND kind = 'order'
                 AND (created_at, stream_id) < (now(), 'x') ORDER BY created_at DESC, stream_id DESC LIMIT 5"""
        )
    text = "\n".join(row[0] for row in plan)
    assert "streams_by_owner" in text
    assert "Sort" not in text
