"""Every event is queued for publishing, and can be queued again (CORRECTNESS 11 and 12)."""

import asyncio

import pytest

from holdfast.eventstore import Append, Metadata, StreamUnknown, append, lock_streams, requeue_kind, requeue_stream
from holdfast.resilience.deadline import Deadline

pytestmark = pytest.mark.stores


async def queued(shop) -> list[tuple[str, int]]:
    rows = await shop.query("SELECT stream_id, version FROM outbox JOIN events USING (position) ORDER BY outbox.id")
    return [(row["stream_id"], row["version"]) for row in rows]


async def test_each_appended_event_is_queued_in_the_order_of_its_versions(shop):
    await shop.add("1", "2", amounts=(1, 2))
    assert await queued(shop) == [("cart-1", 1), ("cart-1", 2), ("cart-2", 1), ("cart-2", 2)]


async def test_a_stream_is_queued_again_whole_and_in_order(shop):
    await shop.add("1", amounts=(1, 2, 3))
    await shop.add("2")
    await shop.query("DELETE FROM outbox")
    assert await requeue_stream(shop.database, "cart-1") == 3
    assert await queued(shop) == [("cart-1", 1), ("cart-1", 2), ("cart-1", 3)]


async def test_a_stream_that_is_not_there_is_said(shop):
    with pytest.raises(StreamUnknown, match="cart-9"):
        await requeue_stream(shop.database, "cart-9")


async def test_every_stream_of_a_kind_is_queued_again(shop):
    await shop.add("1", "2", amounts=(1, 2))
    await shop.query("DELETE FROM outbox")
    assert [each async for each in requeue_kind(shop.database, "cart")] == [("cart-1", 2), ("cart-2", 2)]
    assert [each async for each in requeue_kind(shop.database, "product")] == []
    assert len(await queued(shop)) == 4


async def test_requeueing_waits_for_who_is_appending(shop, added):
    await shop.add("1")
    async with shop.database.transaction(Deadline.after(5)) as tx:
        streams = await lock_streams(tx, [(shop.cart, "1")])
        await append(tx, [Append(streams["cart-1"], [added(1)])], Metadata())
        requeueing = asyncio.create_task(requeue_stream(shop.database, "cart-1"))
        done, _ = await asyncio.wait([requeueing], timeout=0.3)
        assert not done
    assert await requeueing == 2
    assert [version for _, version in await queued(shop)] == [1, 2, 1, 2]


async def test_requeueing_while_others_append_never_turns_versions_round(shop):
    """After a stream's own versions begin again at 1 they run on without a hole (8, 6, 7 without the lock)."""
    await shop.add("1", amounts=(1,) * 5)

    async def appends() -> None:
        for _ in range(30):
            await shop.add("1")

    async def requeues() -> None:
        for _ in range(10):
            await requeue_stream(shop.database, "cart-1")

    await asyncio.gather(appends(), requeues())
    versions = [version for _, version in await queued(shop)]
    highest = 0
    for before, version in zip([0, *versions], versions, strict=False):
        assert version in (before + 1, 1)
        highest = max(highest, version)
    assert versions[-1] == highest == 35
