"""Signed checkpoints show what the owner of the tables did to events, when the events agree with each other again."""

import asyncio
from datetime import UTC, datetime, timedelta
from functools import partial

import asyncpg
import pytest

from holdfast.eventstore import CheckpointLate, Database, DatabaseUnavailable, Verification, sign_checkpoint, verify
from holdfast.eventstore import checkpoints as module
from holdfast.eventstore.chain import row_hash
from holdfast.eventstore.kinds import START_HASH
from holdfast.eventstore.rows import EVENT_COLUMNS
from holdfast.service.keys import (
    DEMO_CHECKPOINT_PRIVATE_KEY,
    DEMO_CHECKPOINT_PUBLIC_KEY,
    DEMO_PRIVATE_KEY,
    is_signed,
    private_key,
    public_key,
)

pytestmark = pytest.mark.stores
NOON = datetime(2026, 1, 1, 12, 0, 0, 5, tzinfo=UTC)
SIGN = private_key(DEMO_CHECKPOINT_PRIVATE_KEY).sign
SIGNED = partial(is_signed, public_key(DEMO_CHECKPOINT_PUBLIC_KEY))


async def differences(shop, counts: Verification | None = None) -> list[str]:
    found = verify(shop.database, [shop.cart, shop.product], counts, signed=SIGNED)
    return [f"{each.stream_id} {each.what}" async for each in found]


async def rechain(shop, stream_id: str) -> None:
    """As a thorough forger would: the events and the stream's row agree with each other afterwards."""
    rows = await shop.query(f"SELECT {EVENT_COLUMNS} FROM events WHERE stream_id = $1 ORDER BY version", stream_id)
    before, total = START_HASH, 0
    for row in rows:
        before = row_hash(before, row)
        await shop.tamper(f"UPDATE events SET hash = '\\x{before.hex()}' WHERE position = {row['position']}")
        total += int(row["data"].rpartition(": ")[2].rstrip("}"))
    await shop.tamper(
        f"UPDATE streams SET hash = '\\x{before.hex()}', version = {len(rows)}, state = '{{\"total\": {total}}}'"
        f" WHERE stream_id = '{stream_id}'"
    )


@pytest.fixture
async def covered(shop):
    """Three checkpoints of two, one and three events."""
    for number, identities in enumerate((("1", "2"), ("1",), ("1", "2", "3"))):
        await shop.add(*identities, amounts=(number + 1,))
        await sign_checkpoint(shop.database, SIGN, NOON + timedelta(minutes=number))
    return shop


async def test_each_checkpoint_follows_the_one_before(covered) -> None:
    counts = Verification()
    assert await differences(covered, counts) == []
    assert (counts.checkpoints, counts.unsigned) == (3, 0)
    rows = await covered.query("SELECT number, events, signed_at FROM checkpoints ORDER BY number")
    assert [tuple(row) for row in rows] == [
        (number, events, NOON + timedelta(minutes=number - 1)) for number, events in ((1, 2), (2, 3), (3, 6))
    ]


async def test_without_new_events_there_is_no_new_checkpoint(covered) -> None:
    assert await sign_checkpoint(covered.database, SIGN, NOON) is None


async def test_an_empty_store_has_none(shop) -> None:
    assert await sign_checkpoint(shop.database, SIGN, NOON) is None


async def test_events_newer_than_the_last_checkpoint_are_counted(covered) -> None:
    await covered.add("4", amounts=(1, 2))
    counts = Verification()
    assert await differences(covered, counts) == []
    assert counts.unsigned == 2


@pytest.mark.parametrize("page", [1, 2, 100])
async def test_the_root_does_not_depend_on_how_events_are_read(covered, monkeypatch, page: int) -> None:
    await covered.add(*"56789")
    monkeypatch.setattr(module, "_PAGE", page)
    await sign_checkpoint(covered.database, SIGN, NOON)
    assert await differences(covered) == []


async def test_a_changed_event_is_found_when_all_hashes_were_computed_anew(covered) -> None:
    await covered.tamper("UPDATE events SET data = '{\"amount\": 9}' WHERE stream_id = 'cart-1' AND version = 2")
    await rechain(covered, "cart-1")
    # Its own checkpoint, and that of the stream's next event, whose hash follows.
    assert await differences(covered) == ["checkpoint-2 checkpoint", "checkpoint-3 checkpoint"]


async def test_a_removed_last_event_is_found_when_its_stream_agrees(covered) -> None:
    await covered.tamper("DELETE FROM events WHERE stream_id = 'cart-1' AND version = 3")
    await rechain(covered, "cart-1")
    assert await differences(covered) == ["checkpoint-3 checkpoint"]


async def test_a_removed_stream_is_found_and_its_place_is_said(covered) -> None:
    await covered.tamper(
        "DELETE FROM events WHERE stream_id = 'cart-3'; DELETE FROM streams WHERE stream_id = 'cart-3'"
    )
    (found,) = [each async for each in verify(covered.database, [covered.cart], signed=SIGNED)]
    assert found.stored.startswith("3 events at positions 4 to 6 with root ")
    assert found.refolded.startswith("2 events at positions 4 to 6 with root ")


async def test_an_event_put_in_later_at_an_old_position_is_found(covered) -> None:
    await covered.tamper("UPDATE events SET position = DEFAULT WHERE stream_id = 'cart-3'")
    assert "checkpoint-3 checkpoint" in await differences(covered)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ("UPDATE checkpoints SET events = events + 1 WHERE number = 3",
         ["checkpoint-3 checkpoint", "checkpoint-3 signature"]),
        ("UPDATE checkpoints SET signed_at = signed_at + interval '1 us' WHERE number = 2", ["checkpoint-2 signature"]),
        ("UPDATE checkpoints SET signature = '\\x00' WHERE number = 1", ["checkpoint-1 signature"]),
        ("DELETE FROM checkpoints WHERE number = 1", ["checkpoint-2 checkpoint"]),
    ],
)  # fmt: skip
async def test_a_changed_checkpoint_is_found(covered, change: str, found: list[str]) -> None:
    await covered.tamper(change)
    assert await differences(covered) == found


async def test_a_checkpoint_signed_by_another_key_is_found(shop) -> None:
    await shop.add("1")
    await sign_checkpoint(shop.database, private_key(DEMO_PRIVATE_KEY).sign, NOON)
    assert await differences(shop) == ["checkpoint-1 signature"]


@pytest.mark.parametrize("newer", [True, False])
async def test_an_event_that_is_committed_after_newer_ones_is_waited_for(shop, newer: bool) -> None:
    """Positions are taken in one order and committed in another; without a newer one nothing shows its transaction."""
    await shop.add("1")
    slow = await shop.database.connect()
    transaction = slow.transaction()
    await transaction.start()
    zeros = bytes(32)
    await slow.execute("INSERT INTO streams VALUES ('cart-9', 'cart', NULL, now(), 1, '{\"total\": 1}', $1)", zeros)
    wanted = await slow.fetchval(
        "INSERT INTO events (stream_id, version, type, schema_version, data, metadata, recorded_at, hash)"
        " VALUES ('cart-9', 1, 'Added', 2, '{}', '{}', now(), $1) RETURNING position", zeros,
    )  # fmt: skip
    if newer:
        await shop.add("1")
    signing = asyncio.create_task(sign_checkpoint(shop.database, SIGN, NOON))
    await asyncio.sleep(0.3)
    assert not signing.done()
    await transaction.commit()
    made = await signing
    assert made is not None
    assert (made.events, made.position) == (2 + newer, wanted + newer)
    await slow.close()


async def test_a_transaction_that_does_not_end_is_said(shop, monkeypatch) -> None:
    monkeypatch.setattr(module, "_OTHERS_END_WITHIN_S", 0.2)
    await shop.add("1")
    slow = await shop.database.connect()
    transaction = slow.transaction()
    await transaction.start()
    await slow.execute("INSERT INTO outbox (position) VALUES (1)")
    with pytest.raises(CheckpointLate):
        await sign_checkpoint(shop.database, SIGN, NOON)
    await transaction.rollback()
    monkeypatch.undo()  # the server's other databases have transactions too
    assert await sign_checkpoint(shop.database, SIGN, NOON) is not None
    await slow.close()


async def test_two_signers_at_once_make_one_checkpoint(shop) -> None:
    await shop.add("1")
    done = await asyncio.gather(*(sign_checkpoint(shop.database, SIGN, NOON) for _ in range(4)), return_exceptions=True)
    assert all(each is None or isinstance(each, module.Checkpoint | asyncpg.UniqueViolationError) for each in done)
    assert len(await shop.query("SELECT 1 FROM checkpoints")) == 1
    assert await differences(shop) == []


async def test_without_postgresql_it_says_so(unused_tcp_port) -> None:
    with pytest.raises(DatabaseUnavailable):
        await sign_checkpoint(Database(f"postgresql://nobody@127.0.0.1:{unused_tcp_port}/x"), SIGN, NOON)
