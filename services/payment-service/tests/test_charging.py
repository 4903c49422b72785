"""Charges and voids on real SQLite files, with real concurrency."""

import asyncio
import sqlite3
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from payment_service.adapters.ledger import Ledger
from payment_service.adapters.processor import Cards, Processor
from payment_service.charging import Charging
from payment_service.domain.charge import Charge, ChargeDiffers, Status, VoidedBefore


@asynccontextmanager
async def open_charging(
    folder: Path, usual_s: float = 0.0, slow_s: float = 0.2
) -> AsyncIterator[tuple[Charging, Processor]]:
    ledger = await Ledger.open(folder / "ledger.sqlite3")
    processor = await Processor.open(folder / "processor.sqlite3", Cards(usual_s, slow_s))
    charging = Charging(ledger, processor)
    await charging.resume()
    try:
        yield charging, processor
    finally:
        await charging.stop()
        await ledger.close()
        await processor.close()


async def movements(processor: Processor) -> Counter[tuple[str, str]]:
    return Counter((entry.order_id, entry.kind) for entry in await processor.entries(0, 10_000))


async def status(charging: Charging, order: str) -> Status | None:
    row = await charging.find(order)
    return None if row is None else row.status


def new_order() -> str:
    return str(uuid.uuid4())


async def finished(charging: Charging, limit_s: float = 5.0) -> None:
    async with asyncio.timeout(limit_s):
        while charging.unfinished:  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.005)


@pytest.mark.parametrize(
    ("token", "expected"),
    [("tok_visa", Status.CAPTURED), ("tok_declined", Status.DECLINED), ("tok_unheard_of", Status.DECLINED)],
)
async def test_a_card_pays_or_is_declined(tmp_path: Path, token: str, expected: Status) -> None:
    async with open_charging(tmp_path) as (charging, processor):
        order = new_order()
        charge = await charging.charge(order, 500, "GBP", token, 2.0)
        assert isinstance(charge, Charge)
        assert charge.status is expected
        assert (await movements(processor))[(order, "capture")] == (expected is Status.CAPTURED)


async def test_a_slow_card_answers_pending_and_is_captured_later(tmp_path: Path) -> None:
    async with open_charging(tmp_path) as (charging, _):
        order = new_order()
        charge = await charging.charge(order, 500, "GBP", "tok_slow", 0.05)
        assert isinstance(charge, Charge)
        assert charge.status is Status.PENDING
        await finished(charging)
        assert await status(charging, order) is Status.CAPTURED


async def test_a_hundred_concurrent_charges_capture_once(tmp_path: Path) -> None:
    async with open_charging(tmp_path, usual_s=0.02) as (charging, processor):
        order = new_order()
        answers = await asyncio.gather(*(charging.charge(order, 500, "GBP", "tok_visa", 5.0) for _ in range(100)))
        assert {answer.status for answer in answers if isinstance(answer, Charge)} == {Status.CAPTURED}
        assert len([answer for answer in answers if isinstance(answer, Charge)]) == 100
        assert await movements(processor) == {(order, "capture"): 1}


async def test_another_amount_for_the_same_order_is_refused(tmp_path: Path) -> None:
    async with open_charging(tmp_path) as (charging, _):
        order = new_order()
        await charging.charge(order, 500, "GBP", "tok_visa", 2.0)
        refused = await charging.charge(order, 501, "GBP", "tok_visa", 2.0)
        assert refused == ChargeDiffers(order, 500, "GBP")


async def test_a_void_first_refuses_the_charge_and_moves_nothing(tmp_path: Path) -> None:
    async with open_charging(tmp_path) as (charging, processor):
        order = new_order()
        assert (await charging.void(order, 2.0)).status is Status.VOIDED
        assert await charging.charge(order, 500, "GBP", "tok_visa", 2.0) == VoidedBefore(order)
        assert await movements(processor) == Counter()


async def test_concurrent_voids_after_a_capture_refund_once(tmp_path: Path) -> None:
    async with open_charging(tmp_path, usual_s=0.01) as (charging, processor):
        order = new_order()
        await charging.charge(order, 500, "GBP", "tok_visa", 2.0)
        voids = await asyncio.gather(*(charging.void(order, 5.0) for _ in range(20)))
        assert {void.status for void in voids} == {Status.REFUNDED}
        assert await movements(processor) == {(order, "capture"): 1, (order, "refund"): 1}


async def test_charges_racing_voids_never_leave_money_taken(tmp_path: Path) -> None:
    async with open_charging(tmp_path, usual_s=0.003) as (charging, processor):
        orders = [new_order() for _ in range(60)]

        async def race(order: str, lead_s: float) -> None:
            async def void() -> None:
                await asyncio.sleep(lead_s)
                await charging.void(order, 5.0)

            await asyncio.gather(void(), charging.charge(order, 500, "GBP", "tok_visa", 5.0))

        await asyncio.gather(*(race(order, index % 12 * 0.001) for index, order in enumerate(orders)))
        await finished(charging)
        moved = await movements(processor)
        for order in orders:
            assert await status(charging, order) in {Status.VOIDED, Status.REFUNDED}
            assert moved[(order, "capture")] == moved[(order, "refund")] <= 1


async def test_a_caller_that_gives_up_does_not_stop_the_charge(tmp_path: Path) -> None:
    async with open_charging(tmp_path, usual_s=0.05) as (charging, _):
        order = new_order()
        call = asyncio.create_task(charging.charge(order, 500, "GBP", "tok_visa", 5.0))
        await asyncio.sleep(0)
        call.cancel()
        await asyncio.sleep(0.05)
        await finished(charging)
        assert await status(charging, order) is Status.CAPTURED


async def test_a_restart_resumes_what_was_unfinished(tmp_path: Path) -> None:
    charged, voided = new_order(), new_order()
    async with open_charging(tmp_path, slow_s=30.0) as (charging, _):
        await charging.charge(charged, 500, "GBP", "tok_slow", 0.02)
        await charging.charge(voided, 700, "GBP", "tok_slow", 0.02)
        assert (await charging.void(voided, 0.02)).status is Status.VOIDING
    async with open_charging(tmp_path, slow_s=0.01) as (charging, processor):
        await finished(charging)
        assert await status(charging, charged) is Status.CAPTURED
        assert await status(charging, voided) is Status.REFUNDED
        assert await movements(processor) == {
            (charged, "capture"): 1,
            (voided, "capture"): 1,
            (voided, "refund"): 1,
        }


async def test_a_ledger_that_takes_no_writes_for_a_while_is_waited_out(tmp_path: Path) -> None:
    """The ledger's file refuses writes for a while; the charge is settled once it takes them again."""
    async with open_charging(tmp_path, usual_s=0.05) as (charging, processor):
        order = new_order()
        charge = await charging.charge(order, 500, "GBP", "tok_visa", 0.02)
        assert isinstance(charge, Charge)
        with sqlite3.connect(tmp_path / "ledger.sqlite3", isolation_level=None) as other:
            other.execute("BEGIN IMMEDIATE")
            await asyncio.sleep(0.1)
            other.execute("ROLLBACK")
        other.close()
        await finished(charging)
        assert await status(charging, order) is Status.CAPTURED
        assert (await movements(processor))[(order, "capture")] == 1


async def test_the_journal_refuses_changes_and_removals(tmp_path: Path) -> None:
    async with open_charging(tmp_path) as (charging, _):
        await charging.charge(new_order(), 500, "GBP", "tok_visa", 2.0)
    connection = sqlite3.connect(tmp_path / "processor.sqlite3")
    for statement in ("UPDATE journal SET amount = 1", "DELETE FROM journal"):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            connection.execute(statement)
    connection.close()
