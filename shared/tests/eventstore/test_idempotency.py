"""Idempotency keys: each belongs to one command for 24 h (CORRECTNESS 1 to 3)."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from holdfast.eventstore import (
    KEPT_FOR,
    Append,
    Claim,
    CommandKey,
    KeyReused,
    LockTimeout,
    Metadata,
    answer_claim,
    append,
    clear_spare_slot,
    find_claim,
    fingerprint,
    lock_streams_and_find_claim,
    scoped_key,
    take_over_claim,
    try_key_lock,
)
from holdfast.eventstore.idempotency import SLOT, SLOTS, slot_of
from holdfast.resilience.deadline import Deadline

stores = pytest.mark.stores
NOW = datetime.now(UTC)
ASKED = fingerprint("add a mug")


def key_of(name: str = "k", asked: str = ASKED) -> CommandKey:
    return CommandKey(scoped_key("ann", "", name), asked)


def claim(name: str = "k", created_at: datetime = NOW, answer: Any = None, lease_s: float | None = 2) -> Claim:
    lease_until = None if lease_s is None else created_at + timedelta(seconds=lease_s)
    return Claim(key_of(name), f"order-of-{name}", created_at, answer, lease_until)


def within(shop, seconds: float = 5, key: CommandKey | None = None):
    return shop.database.transaction(Deadline.after(seconds), key=key)


async def store(shop, *claims: Claim) -> None:
    """Claims keys as commands do, with an event each time."""
    for number, each in enumerate(claims):
        await shop.add(f"{each.resource_id}-{number}", claims=[each])


def test_a_key_is_scoped_by_caller_and_operation():
    keys = {scoped_key(caller, call, "k") for caller in ("ann", "bob") for call in ("", "register")}
    assert len(keys) == 4
    assert all(len(key) == 32 and int(key, 16) >= 0 for key in keys)
    assert scoped_key("a", "bc", "d") != scoped_key("ab", "c", "d")


def test_a_fingerprint_ignores_the_order_of_fields_only():
    assert fingerprint({"a": 1, "b": [2, 3]}) == fingerprint({"b": [2, 3], "a": 1})
    assert fingerprint({"a": [2, 3]}) != fingerprint({"a": [3, 2]})


def test_locks_fit_postgresqls_64_bits_and_differ():
    locks = {key_of(str(number)).lock for number in range(1_000)}
    assert len(locks) == 1_000
    assert min(locks) >= -(2**63)
    assert max(locks) < 2**63


def test_the_spare_slot_is_never_one_of_the_last_24_hours():
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    for _ in range(500):
        moment += timedelta(minutes=17)
        counts = {slot_of(moment - KEPT_FOR * part / 100) for part in range(101)}
        assert slot_of(moment + SLOT) not in counts
        assert len(counts) < SLOTS


@stores
async def test_a_key_is_held_by_one_transaction_and_the_other_is_told_at_once(shop):
    async with within(shop) as first:
        assert await try_key_lock(first, key_of())
        async with within(shop) as second:
            assert not await try_key_lock(second, key_of())
            assert await try_key_lock(second, key_of("another"))
    async with within(shop) as third:
        assert await try_key_lock(third, key_of())


@stores
async def test_a_transaction_with_a_key_waits_for_it_and_then_sees_the_claim_of_who_held_it(shop, added):
    """Three times as many waiters as connections would deadlock; here all of them find the first one's claim."""

    async def command(identity: str) -> bool:
        async with within(shop, key=key_of()) as tx:
            streams, found = await lock_streams_and_find_claim(tx, [(shop.cart, identity)], key_of())
            if found is not None:
                return False
            await asyncio.sleep(0.02)
            changes = [Append(streams[f"cart-{identity}"], [added(1)])]
            await append(tx, changes, Metadata(), claims=[claim(lease_s=None)])
            return True

    results = await asyncio.gather(*(command(str(number)) for number in range(12)))
    assert sorted(results) == [False] * 11 + [True]
    assert len(await shop.query("SELECT 1 FROM idempotency")) == 1


@stores
async def test_waiting_for_a_key_ends_with_the_deadline(shop, raising):
    async with within(shop, key=key_of()):
        async with raising(LockTimeout), within(shop, 0.2, key=key_of()):
            pass
        async with within(shop, 0.2, key=key_of("another")):
            pass


@stores
async def test_a_claim_is_found_as_it_was_written_with_its_command(shop):
    async with within(shop) as tx:
        assert await find_claim(tx, key_of()) is None
    await store(shop, claim(), claim("registered", answer={"version": 1}, lease_s=None))
    async with within(shop) as tx:
        assert await find_claim(tx, key_of()) == claim()
        assert await find_claim(tx, key_of("registered")) == claim("registered", answer={"version": 1}, lease_s=None)


@stores
async def test_streams_and_claim_come_together_whether_or_not_either_is_there(shop):
    await store(shop, claim())
    refs = [(shop.cart, "order-of-k-0"), (shop.cart, "absent")]
    async with within(shop) as tx:
        streams, found = await lock_streams_and_find_claim(tx, refs, key_of())
        assert found == claim()
        assert [stream.version for stream in streams.values()] == [1, 0]
        streams, found = await lock_streams_and_find_claim(tx, refs[1:], key_of())
        assert (streams["cart-absent"].version, found) == (0, claim())
        streams, found = await lock_streams_and_find_claim(tx, refs, key_of("free"))
        assert ([stream.version for stream in streams.values()], found) == ([1, 0], None)
        streams, found = await lock_streams_and_find_claim(tx, refs, None)
        assert ([stream.version for stream in streams.values()], found) == ([1, 0], None)


@stores
async def test_a_key_with_another_request_is_refused(shop, raising):
    await store(shop, claim())
    other = key_of(asked=fingerprint("add two mugs"))
    async with raising(KeyReused, match="order-of-k"), within(shop) as tx:
        await find_claim(tx, other)
    async with raising(KeyReused), within(shop) as tx:
        await lock_streams_and_find_claim(tx, [(shop.cart, "1")], other)


@stores
async def test_a_command_without_events_claims_nothing(shop):
    async with within(shop) as tx:
        assert await append(tx, [], Metadata(), claims=[claim()]) == {}
        assert await find_claim(tx, key_of()) is None


@stores
@pytest.mark.parametrize(("age", "bound"), [(KEPT_FOR - timedelta(minutes=1), True), (KEPT_FOR, False)])
async def test_a_key_is_free_again_after_24_hours(shop, age, bound):
    await store(shop, claim(created_at=datetime.now(UTC) - age))
    async with within(shop) as tx:
        assert (await find_claim(tx, key_of()) is not None) is bound
    if not bound:
        later = claim(created_at=datetime.now(UTC), answer={"version": 2})
        await store(shop, later)
        async with within(shop) as tx:
            assert await find_claim(tx, key_of()) == later


@stores
async def test_an_answer_is_stored_once(shop):
    await store(shop, claim(), claim("cart", answer={"version": 7}, lease_s=None))
    async with within(shop) as tx:
        assert await answer_claim(tx, "order-of-k", {"status": 202})
        assert not await answer_claim(tx, "order-of-k", {"status": 201})
        assert not await answer_claim(tx, "order-of-nobody", {"status": 201})
        assert not await answer_claim(tx, "order-of-cart", {"status": 201})
        found = await find_claim(tx, key_of())
    assert found is not None
    assert found.answer == {"status": 202}


@stores
async def test_a_claim_is_taken_over_once_its_lease_ran_out_and_only_without_an_answer(shop):
    await store(shop, claim())
    late, later = NOW + timedelta(seconds=3), NOW + timedelta(seconds=5)
    async with within(shop) as tx:
        assert not await take_over_claim(tx, key_of(), now=NOW + timedelta(seconds=2), lease_until=later)
        assert await take_over_claim(tx, key_of(), now=late, lease_until=later)
        assert not await take_over_claim(tx, key_of(), now=late, lease_until=later)
        found = await find_claim(tx, key_of())
        assert found is not None
        assert found.lease_until == later
        await answer_claim(tx, "order-of-k", {})
        assert not await take_over_claim(tx, key_of(), now=later + timedelta(days=1), lease_until=later)


@stores
async def test_the_spare_slot_is_emptied_and_the_others_are_left(shop):
    now = datetime(2026, 6, 1, 3, tzinfo=UTC)
    ages = {f"{hours} h": now - timedelta(hours=hours) for hours in (0, 2, 14, 23, 28, 36, 47)}
    await store(shop, *(claim(name, made) for name, made in ages.items()))
    async with within(shop) as tx:
        assert await clear_spare_slot(tx, now) == slot_of(now + SLOT)
        assert await clear_spare_slot(tx, now) is None
    kept = {row["resource_id"] for row in await shop.query("SELECT resource_id FROM idempotency")}
    assert kept == {f"order-of-{name}" for name, made in ages.items() if slot_of(made) != slot_of(now + SLOT)}
    assert {f"order-of-{hours} h" for hours in (0, 2, 14, 23)} <= kept
    assert "order-of-36 h" not in kept


@stores
async def test_a_slot_whose_time_is_near_is_left_alone_since_clocks_differ(shop):
    before = datetime(2026, 6, 1, 11, 30, tzinfo=UTC)  # a replica half an hour ahead writes into it already
    await store(shop, claim(created_at=before + timedelta(minutes=31)))
    async with within(shop) as tx:
        assert await clear_spare_slot(tx, before) is None
        assert await clear_spare_slot(tx, before - timedelta(minutes=31)) is not None


@stores
async def test_emptying_a_slot_gives_up_while_a_command_holds_it(shop, raising):
    now = datetime(2026, 6, 1, 3, tzinfo=UTC)
    await store(shop, claim(created_at=now - timedelta(hours=36)))
    async with within(shop) as reader:
        await find_claim(reader, key_of())
        async with raising(LockTimeout), within(shop, 0.2) as tx:
            await clear_spare_slot(tx, now)
