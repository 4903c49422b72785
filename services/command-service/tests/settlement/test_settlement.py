"""What settlement claims, when, and what it does with the ledger's answers."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import httpx
import pytest

from command_service.adapters import payment_work
from command_service.adapters.payments import Captured, Payments
from command_service.domain.values import OrderId
from command_service.handlers.settle import apply_outcome
from command_service.settlement.settlement import Settlement
from command_service.testing.service import Someone
from command_service.testing.shop import Shop, payment_process, payments_client
from holdfast.eventstore import Metadata
from holdfast.resilience.deadline import Deadline
from holdfast.testing.credentials import AsService
from holdfast.testing.processes import ServiceProcess, free_port

VISA = {"payment_token": "tok_visa"}


async def owed_order(shop: Shop, shopper: Someone, key: str = "k") -> str:
    """An order whose charge the ledger has not heard of."""
    await shop.faults(error_rate={"expires_in_s": 60})
    answer = await shopper.post("/api/checkout", VISA, key=key)
    assert answer.status_code == 202, answer.text
    await shop.faults()
    order_id: str = answer.json()["order_id"]
    return order_id


async def claim(shop: Shop, limit: int = 10) -> list[payment_work.Work]:
    async with shop.parts.database.transaction(Deadline.after(5)) as tx:
        return list(await payment_work.claim_due(tx, limit))


async def test_nothing_is_claimed_before_its_request_is_over(shop: Shop) -> None:
    await shop.service.product("mug")
    shopper = await shop.shopper("mug")
    before = datetime.now(UTC)
    await owed_order(shop, shopper)
    (row,) = await shop.rows("SELECT next_attempt_at FROM payment_work")
    # The request's deadline, 1.49 s, and one second more.
    assert timedelta(seconds=2) < row["next_attempt_at"] - before < timedelta(seconds=4)
    assert await claim(shop) == []
    (lease,) = await shop.rows("SELECT lease_until FROM idempotency WHERE lease_until IS NOT NULL")
    assert lease["lease_until"] == row["next_attempt_at"]


@pytest.mark.timing("pauses between attempts, to 100 ms")
async def test_a_claimed_row_is_left_alone_until_its_next_attempt_and_then_comes_again(shop: Shop) -> None:
    await shop.service.product("mug")
    order_id = await owed_order(shop, await shop.shopper("mug"))
    pauses = []
    for attempts in range(1, 8):
        await shop.rows("UPDATE payment_work SET next_attempt_at = now() RETURNING 1")
        (work,) = await claim(shop)
        assert (work.order_id, work.kind, work.payment_token, work.attempts) == (
            order_id,
            "charge",
            "tok_visa",
            attempts,
        )
        assert await claim(shop) == []
        (row,) = await shop.rows(
            "SELECT extract(epoch FROM next_attempt_at - clock_timestamp())::float8 AS s FROM payment_work"
        )
        pauses.append(row["s"])
    assert all(0.8 < pause < 1.0 + min(2.0, 0.1 * 2**index) for index, pause in enumerate(pauses)), pauses


async def test_two_settlements_share_what_is_due(shop: Shop) -> None:
    await shop.service.product("mug")
    for number in range(6):
        await owed_order(shop, await shop.shopper("mug"), str(number))
    await shop.rows("UPDATE payment_work SET next_attempt_at = now() RETURNING 1")
    database = shop.parts.database
    async with (
        database.transaction(Deadline.after(5)) as one,
        database.transaction(Deadline.after(5)) as other,
    ):
        first = await payment_work.claim_due(one, 3)
        second = await payment_work.claim_due(other, 10)  # does not wait for the rows that the first holds
    assert (len(first), len(second)) == (3, 3)
    assert {work.order_id for work in first}.isdisjoint(work.order_id for work in second)


async def test_several_settlements_at_once_settle_each_order_once(shop: Shop) -> None:
    await shop.service.product("mug")
    orders = [await owed_order(shop, await shop.shopper("mug"), str(number)) for number in range(8)]
    await shop.rows("UPDATE payment_work SET next_attempt_at = now() RETURNING 1")
    settlements = [Settlement(shop.parts.database, shop.parts.payments, batch=5, idle_s=0.05) for _ in range(3)]
    counted = await asyncio.gather(*(settlement.settle_due() for settlement in settlements))
    assert sum(claimed for claimed, _ in counted) == 8
    await shop.settle()
    for order_id in orders:
        assert await shop.events(f"order-{order_id}") == ["OrderPlaced", "PaymentCaptured"]
    await shop.require_sound()


async def test_a_cancellation_replaces_the_charge_still_owed_and_takes_its_token(shop: Shop) -> None:
    await shop.service.product("mug")
    shopper = await shop.shopper("mug")
    order_id = await owed_order(shop, shopper)
    await shop.rows("UPDATE payment_work SET next_attempt_at = now() RETURNING 1")
    (stale,) = await claim(shop)
    await shop.faults(error_rate={"expires_in_s": 60})
    await shopper.post(f"/api/orders/{order_id}/cancel", {"reason": "no"})
    await shop.faults()
    (row,) = await shop.rows("SELECT kind, payment_token, attempts FROM payment_work")
    assert tuple(row) == ("void", None, 0)
    # The settlement that claimed the charge before goes on with it: the void stays owed and takes it back.
    assert stale.payment_token is not None
    outcome = await shop.parts.payments.charge(stale.order_id, 250, "GBP", stale.payment_token, Deadline.after(1))
    assert outcome == Captured()
    database = shop.parts.database
    await apply_outcome(database, stale.order_id, outcome, metadata=Metadata(), deadline=Deadline.after(1))
    assert await shop.events(f"order-{order_id}") == ["OrderPlaced", "OrderCancelled"]
    await shop.settle()
    assert (await shop.movements())[order_id] == {"capture": 1, "refund": 1}
    assert (await shopper.get(f"/api/orders/{order_id}")).json()["refund"] == "done"
    await shop.require_sound()


async def test_the_settlers_events_carry_on_the_conversation_of_the_checkout(shop: Shop) -> None:
    await shop.service.product("mug")
    order_id = await owed_order(shop, await shop.shopper("mug"))
    await shop.settle()
    placed, captured = await shop.rows(
        """SELECT metadata->>'correlation_id' AS correlation, metadata->>'traceparent' AS trace,
                  metadata->>'actor' AS actor
             FROM events WHERE stream_id = $1 ORDER BY version""",
        f"order-{order_id}",
    )
    assert placed["correlation"] == captured["correlation"]
    assert placed["trace"][:35] == captured["trace"][:35]
    assert captured["actor"] == "settlement"


async def test_an_outcome_that_cannot_be_true_changes_nothing_and_stays_owed(shop: Shop, tmp_path: Path) -> None:
    await shop.service.product("mug")
    shopper = await shop.shopper("mug")
    order_id = (await shopper.post("/api/checkout", VISA, key="k")).json()["order_id"]
    await shop.faults(error_rate={"expires_in_s": 60})
    await shopper.post(f"/api/orders/{order_id}/cancel", {"reason": "no"})
    await shop.faults()
    # The order was paid; a ledger that was emptied since says that nothing was captured.
    with payment_process(tmp_path) as emptied:
        client = payments_client(emptied.url)
        await client.start()
        settlement = Settlement(shop.parts.database, Payments(client), batch=5, idle_s=0.05)
        await shop.rows("UPDATE payment_work SET next_attempt_at = now() RETURNING 1")
        assert await settlement.settle_due() == (1, 0)
        await client.close()
    assert await shop.events(f"order-{order_id}") == ["OrderPlaced", "PaymentCaptured", "OrderCancelled"]
    assert len(await shop.rows("SELECT 1 FROM payment_work")) == 1
    await shop.settle()
    await shop.require_sound()


async def test_what_an_outage_left_is_settled_in_half_of_the_time(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    settlement = Settlement(shop.parts.database, shop.parts.payments, batch=5, idle_s=60)
    begun_s: list[float] = []
    done = asyncio.Event()

    async def batch() -> tuple[int, int]:
        begun_s.append(time.monotonic())
        await asyncio.sleep(0.1)
        if len(begun_s) < 4:
            return 5, 5
        done.set()
        return 0, 0

    monkeypatch.setattr(settlement, "settle_due", batch)
    working = asyncio.create_task(settlement.run())
    async with asyncio.timeout(5):
        await done.wait()
    working.cancel()
    assert all(later - sooner >= 0.19 for sooner, later in pairwise(begun_s)), begun_s


async def test_an_order_that_could_not_be_charged_for_a_day_is_cancelled_and_its_stock_goes_to_others(
    shop: Shop,
) -> None:
    await shop.service.product("mug", available=1)
    shopper = await shop.shopper("mug")
    order_id = await owed_order(shop, shopper)
    await shop.faults(error_rate={"expires_in_s": 60})
    await shop.rows("UPDATE payment_work SET created_at = now() - interval '25 h', next_attempt_at = now() RETURNING 1")
    assert await shop.settlement.settle_due() == (1, 0)  # the ledger has to refuse the charge first, and is away
    assert (await shopper.get(f"/api/orders/{order_id}")).json()["status"] == "awaiting_payment"
    await shop.faults()
    await shop.settle()
    order = (await shopper.get(f"/api/orders/{order_id}")).json()
    assert (order["status"], order["refund"]) == ("cancelled", None)
    assert await shop.events(f"order-{order_id}") == ["OrderPlaced", "OrderCancelled"]
    assert await shop.available("mug") == 1
    cart = (await shopper.get("/api/cart")).json()
    assert [(line["product_id"], line["quantity"]) for line in cart["lines"]] == [("mug", 1)]
    answer = await shopper.post("/api/checkout", VISA, key="again")
    assert answer.status_code == 201, answer.text
    await shop.require_sound()


async def test_a_charge_of_which_only_the_ledger_knew_is_given_back_when_its_order_ends(shop: Shop) -> None:
    await shop.service.product("mug")
    shopper = await shop.shopper("mug")
    order_id = await owed_order(shop, shopper)
    (row,) = await shop.rows("SELECT payment_token FROM payment_work")
    order = (await shopper.get(f"/api/orders/{order_id}")).json()
    charged = await shop.parts.payments.charge(
        OrderId(order_id), order["total_amount"], "GBP", row["payment_token"], Deadline.after(5)
    )
    assert isinstance(charged, Captured)
    await shop.rows("UPDATE payment_work SET created_at = now() - interval '25 h', next_attempt_at = now() RETURNING 1")
    await shop.settle()
    assert await shop.events(f"order-{order_id}") == ["OrderPlaced", "OrderCancelled", "PaymentRefunded"]
    assert (await shopper.get(f"/api/orders/{order_id}")).json()["refund"] == "done"
    await shop.require_sound()


async def test_it_starts_and_stays_up_with_everything_away(tmp_path: Path) -> None:
    away = f"127.0.0.1:{free_port()}"
    env = {"POSTGRES_DSN": f"postgresql://nobody:x@{away}/none", "PAYMENT_URLS": f"http://{away}"}
    process = ServiceProcess("command_service.entrypoints.settlement", env, tmp_path / "log").start()
    try:
        async with httpx.AsyncClient(base_url=process.url) as client:
            assert (await client.get("/readyz")).status_code == 503
            status = (await client.get("/status", auth=AsService("tools", "settlement"))).json()
            assert (status["service"], status["state"]) == ("settlement", "degraded")
            assert status["settlement"] == {"owed": 0, "oldest_s": 0.0}
    finally:
        process.kill()


async def test_the_process_settles_by_itself(shop: Shop, tmp_path: Path) -> None:
    await shop.service.product("mug")
    shopper = await shop.shopper("mug")
    order_id = await owed_order(shop, shopper)
    env = {"POSTGRES_DSN": shop.parts.database.dsn, "PAYMENT_URLS": shop.payment.url}
    process = ServiceProcess("command_service.entrypoints.settlement", env, tmp_path / "log").start()
    try:
        async with asyncio.timeout(20):
            while (await shopper.get(f"/api/orders/{order_id}")).json()["status"] != "paid":  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        async with httpx.AsyncClient(base_url=process.url) as client:
            assert (await client.get("/readyz")).status_code == 200
    finally:
        process.kill()
    await shop.require_sound()


async def test_a_void_is_struck_off_by_a_void_only(shop: Shop) -> None:
    async with shop.parts.database.transaction(Deadline.after(5)) as tx:
        await payment_work.owe_void(tx, OrderId("o"), datetime.now(UTC), Metadata())
        owed, oldest_s = await payment_work.backlog(tx)
        assert owed == 1
        assert 0 <= oldest_s < 5
        await payment_work.done(tx, OrderId("o"), "charge")
        assert (await payment_work.backlog(tx))[0] == 1
        await payment_work.done(tx, OrderId("o"), "void")
        assert await payment_work.backlog(tx) == (0, 0.0)
