"""Appends that race each other."""

import asyncio
import random

import pytest

from holdfast.eventstore import (
    Append,
    Metadata,
    VersionConflict,
    append,
    lock_streams,
    read_stream,
    verify,
)
from holdfast.resilience.deadline import Deadline

pytestmark = pytest.mark.stores


async def test_of_12_racing_creations_exactly_one_wins(shop, added):
    async def race() -> None:
        async with shop.database.transaction(Deadline.after(10)) as tx:
            stream = await read_stream(tx, (shop.cart, "1"))
            await append(tx, [Append(stream, [added(1)])], Metadata())

    outcomes = await asyncio.gather(*(race() for _ in range(12)), return_exceptions=True)
    assert outcomes.count(None) == 1
    assert [type(each) for each in outcomes if each is not None] == [VersionConflict] * 11


async def test_20_appends_that_read_without_a_lock_give_each_version_to_one(shop, added):
    await shop.add("1")
    won = 0

    async def race(gate: asyncio.Semaphore) -> None:
        nonlocal won
        async with gate:
            try:
                async with shop.database.transaction(Deadline.after(10)) as tx:
                    stream = await read_stream(tx, (shop.cart, "1"))
                    await asyncio.sleep(random.random() / 100)
                    await append(tx, [Append(stream, [added(1)])], Metadata())
                won += 1
            except VersionConflict:
                pass

    gate = asyncio.Semaphore(10)
    await asyncio.gather(*(race(gate) for _ in range(20)))
    rows = await shop.query("SELECT version FROM events WHERE stream_id = 'cart-1' ORDER BY version")
    assert [row["version"] for row in rows] == list(range(1, won + 2))
    assert 1 <= won < 20


async def test_20_appends_under_the_lock_all_succeed_one_after_the_other(shop):
    await shop.add("1")
    gate = asyncio.Semaphore(10)

    async def one() -> int:
        async with gate:
            return (await shop.add("1"))["cart-1"].version

    assert sorted(await asyncio.gather(*(one() for _ in range(20)))) == list(range(2, 22))


async def test_transactions_over_many_streams_in_any_order_never_deadlock(shop, added):
    names = [f"p{number}" for number in range(6)]
    gate = asyncio.Semaphore(8)

    async def checkout(seed: int) -> None:
        refs = [(shop.product, name) for name in random.Random(seed).sample(names, 4)]
        refs.insert(seed % 4, (shop.cart, f"{seed}"))
        async with gate, shop.database.transaction(Deadline.after(10)) as tx:
            streams = await lock_streams(tx, refs)
            await append(tx, [Append(each, [added(1)]) for each in streams.values()], Metadata())

    async with shop.database.transaction(Deadline.after(5)) as tx:
        streams = await lock_streams(tx, [(shop.product, name) for name in names])
        await append(tx, [Append(each, [added(1)]) for each in streams.values()], Metadata())
    outcomes = await asyncio.gather(*(checkout(seed) for seed in range(30)), return_exceptions=True)
    assert outcomes == [None] * 30
    assert [each async for each in verify(shop.database, [shop.cart, shop.product])] == []


async def test_creations_of_the_same_streams_in_any_order_never_deadlock(shop, added):
    """Nothing can be locked before it exists: the insert's own order must do. Slowed down, so that they meet."""
    await shop.query(
        "CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql"
        " AS $$ BEGIN PERFORM pg_sleep(0.005); RETURN new; END $$"
    )
    await shop.query("CREATE TRIGGER slow BEFORE INSERT ON streams FOR EACH ROW EXECUTE FUNCTION dawdle()")
    gate = asyncio.Semaphore(8)

    async def create(seed: int) -> None:
        names = random.Random(seed).sample([f"p{number}" for number in range(8)], 8)
        async with gate, shop.database.transaction(Deadline.after(10)) as tx:
            streams = await lock_streams(tx, [(shop.product, name) for name in names])
            await append(tx, [Append(each, [added(1)]) for each in streams.values()], Metadata())

    outcomes = await asyncio.gather(*(create(seed) for seed in range(16)), return_exceptions=True)
    assert {type(each) for each in outcomes} <= {type(None), VersionConflict}
    versions = {row["version"] for row in await shop.query("SELECT version FROM streams")}
    assert versions == {outcomes.count(None)}
