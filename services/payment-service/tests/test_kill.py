"""kill -9 of the real process at any moment: nothing is lost, nothing is done twice."""

import asyncio
import random
import sqlite3
import uuid
from collections import Counter
from pathlib import Path

import httpx

from holdfast.testing.processes import ServiceProcess

ROUNDS = 5
ORDERS_A_ROUND = 24
CHARGE = {"amount": 500, "currency": "GBP", "payment_token": "tok_visa"}


async def test_kills_at_random_moments_lose_and_double_nothing(tmp_path: Path, caller: httpx.Auth) -> None:
    env = {"LEDGER_PATH": str(tmp_path / "ledger.sqlite3"), "CARD_S": "0.02"}
    process = ServiceProcess("payment_service", env, tmp_path / "payment.log").start()
    seeded = random.Random(2)
    acknowledged: dict[str, str] = {}
    voided: set[str] = set()
    orders: list[str] = []
    try:
        async with httpx.AsyncClient(base_url=process.url, timeout=2, auth=caller) as client:
            for _ in range(ROUNDS):
                batch = [str(uuid.uuid4()) for _ in range(ORDERS_A_ROUND)]
                orders += batch
                voided |= set(batch[::3])
                calls = asyncio.gather(*(drive(client, order, order in voided, acknowledged) for order in batch))
                await asyncio.sleep(seeded.uniform(0.0, 0.25))
                process.kill()
                await calls
                process.start()
            final = dict(await asyncio.gather(*(settle(client, order, order in voided) for order in orders)))
            moved = await movements(client)
    finally:
        process.kill()

    captured = [order for order, status in acknowledged.items() if status == "captured"]
    assert captured, "no charge was answered before a kill: the rounds are too short to test anything"
    assert len(acknowledged) < len(orders), "every call was answered before its kill"
    for order in orders:
        assert moved[(order, "capture")] <= 1
        assert moved[(order, "capture")] - moved[(order, "refund")] == int(order not in voided)
        if order in voided:
            assert final[order] == ("refunded" if moved[(order, "capture")] else "voided")
        else:
            assert final[order] == "captured"


async def drive(client: httpx.AsyncClient, order: str, void: bool, acknowledged: dict[str, str]) -> None:
    """A charge, and for some orders a void, cut off wherever the kill comes."""
    try:
        answer = await client.put(f"/charges/{order}", json=CHARGE)
        if answer.status_code == 200:
            acknowledged[order] = answer.json()["status"]
        if void:
            await client.put(f"/voids/{order}", json={})
    except httpx.TransportError:
        return


async def settle(client: httpx.AsyncClient, order: str, void: bool) -> tuple[str, str]:
    """Repeats what was wanted until the ledger is final, as the callers do."""
    async with asyncio.timeout(20):
        while True:
            answer = (
                await client.put(f"/voids/{order}", json={})
                if void
                else await client.put(f"/charges/{order}", json=CHARGE)
            )
            if answer.status_code == 200:
                return order, answer.json()["status"]
            await asyncio.sleep(0.05)


async def movements(client: httpx.AsyncClient) -> Counter[tuple[str, str]]:
    moved: Counter[tuple[str, str]] = Counter()
    after: int | None = 0
    while after is not None:
        page = (await client.get("/journal", params={"after": after, "limit": 100})).json()
        moved.update((item["order_id"], item["kind"]) for item in page["items"])
        after = page["next_after"]
    return moved


async def test_a_kill_between_the_processors_answer_and_the_ledgers_row_captures_once(
    tmp_path: Path, caller: httpx.Auth
) -> None:
    """The processor has the money on its books; the ledger, killed before it wrote so, asks again and learns it."""
    env = {"LEDGER_PATH": str(tmp_path / "ledger.sqlite3"), "CARD_S": "0"}
    process = ServiceProcess("payment_service", env, tmp_path / "payment.log").start()
    order = str(uuid.uuid4())
    try:
        async with httpx.AsyncClient(base_url=process.url, timeout=2, auth=caller) as client:
            await client.put(f"/charges/{order}", json=CHARGE)
            process.kill()
            forget_the_answer(tmp_path / "ledger.sqlite3", order)
            process.start()
            assert (await settle(client, order, void=False))[1] == "captured"
            assert (await movements(client)) == {(order, "capture"): 1}
    finally:
        process.kill()


def forget_the_answer(ledger: Path, order: str) -> None:
    """Puts the row back to what it was before the processor answered."""
    with sqlite3.connect(ledger) as connection:
        connection.execute(
            "UPDATE charges SET status = 'pending', payment_token = 'tok_visa' WHERE order_id = ?", (order,)
        )
    connection.close()
