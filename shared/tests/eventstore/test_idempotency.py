"""Claims on idempotency keys (CORRECTNESS 1 to 3)."""

from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from holdfast.eventstore import (
    Claim,
    answer_claim,
    find_claim,
    insert_claim,
    purge_claims,
    take_over_claim,
    try_key_lock,
)
from holdfast.resilience.deadline import Deadline

pytestmark = pytest.mark.stores
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def claim(key_hash: str = "k", created_at: datetime = NOON, answer: object = None) -> Claim:
    return Claim(key_hash, "print", f"order-of-{key_hash}", answer, created_at + timedelta(seconds=2), created_at)


@pytest.fixture
async def tx(shop):
    async with shop.database.transaction(Deadline.after(5)) as tx:
        yield tx


async def test_a_key_is_held_by_one_transaction_and_the_other_is_told_at_once(shop):
    async with shop.database.transaction(Deadline.after(5)) as first:
        assert await try_key_lock(first, "k")
        async with shop.database.transaction(Deadline.after(5)) as second:
            assert not await try_key_lock(second, "k")
            assert await try_key_lock(second, "another")
    async with shop.database.transaction(Deadline.after(5)) as third:
        assert await try_key_lock(third, "k")


async def test_a_claim_is_found_as_it_was_written(tx):
    assert await find_claim(tx, "k") is None
    await insert_claim(tx, claim())
    assert await find_claim(tx, "k") == claim()


async def test_a_claim_may_be_written_with_its_answer(tx):
    await insert_claim(tx, claim(answer={"status": 201}))
    assert (await find_claim(tx, "k")).answer == {"status": 201}


async def test_a_key_is_claimed_once(shop, raising):
    async with raising(asyncpg.UniqueViolationError), shop.database.transaction(Deadline.after(5)) as tx:
        await insert_claim(tx, claim())
        await insert_claim(tx, claim())


async def test_only_the_first_answer_is_kept(tx):
    await insert_claim(tx, claim())
    assert await answer_claim(tx, "order-of-k", {"status": 202})
    assert not await answer_claim(tx, "order-of-k", {"status": 201})
    assert not await answer_claim(tx, "order-of-nobody", {"status": 201})
    assert (await find_claim(tx, "k")).answer == {"status": 202}


async def test_a_claim_is_taken_over_once_its_lease_ran_out_and_only_without_an_answer(tx):
    await insert_claim(tx, claim())
    late, later = NOON + timedelta(seconds=3), NOON + timedelta(seconds=9)
    assert not await take_over_claim(tx, "k", now=NOON + timedelta(seconds=2), lease_until=later)
    assert await take_over_claim(tx, "k", now=late, lease_until=later)
    assert not await take_over_claim(tx, "k", now=late, lease_until=later)
    assert (await find_claim(tx, "k")).lease_until == later
    await answer_claim(tx, "order-of-k", {})
    assert not await take_over_claim(tx, "k", now=later + timedelta(days=1), lease_until=later)


async def test_old_claims_are_purged_in_batches(tx):
    for number in range(5):
        await insert_claim(tx, claim(f"k{number}", NOON + timedelta(hours=number)))
    before = NOON + timedelta(hours=3)
    assert [await purge_claims(tx, before=before, limit=2) for _ in range(3)] == [2, 1, 0]
    assert [number for number in range(5) if await find_claim(tx, f"k{number}")] == [3, 4]


async def test_purging_skips_a_claim_that_is_in_use(shop):
    async with shop.database.transaction(Deadline.after(5)) as tx:
        await insert_claim(tx, claim())
    async with shop.database.transaction(Deadline.after(5)) as user:
        await answer_claim(user, "order-of-k", {})
        async with shop.database.transaction(Deadline.after(1)) as tx:
            assert await purge_claims(tx, before=NOON + timedelta(days=2)) == 0
