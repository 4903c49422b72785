"""A checkout that ends at any of its steps, and processes killed in the middle of one.

Whatever was reached, there is at most one order and one charge, and the repeat with the same key agrees with the
ledger.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Coroutine, Generator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from command_service.handlers.checkout import CheckedOut, CheckoutCommand, check_out
from command_service.handlers.keys_at_work import RequestInProgress
from command_service.handlers.requests import CommandRequest
from command_service.testing.service import Someone
from command_service.testing.shop import Shop, full_count
from holdfast.eventstore import CommandKey, fingerprint, scoped_key
from holdfast.resilience.deadline import Deadline
from holdfast.resilience.errors import ResilienceError
from holdfast.testing.credentials import AsService
from holdfast.testing.processes import ServiceProcess


class Crash(Exception):
    """The call ended before its answer."""


class CrashAt:
    """Runs a coroutine up to its `step`-th wait and ends it there; nothing that it would still do is done.

    Connections break as they do when a process dies, and what was sent may still arrive.
    """

    def __init__(self, work: Coroutine[Any, Any, CheckedOut], step: int) -> None:
        self._work = work
        self._left = step

    async def run(self) -> CheckedOut:
        """The result if there were fewer waits. Raises Crash."""
        task = asyncio.create_task(self._counted())
        await asyncio.wait({task})
        if task.cancelled():
            raise Crash
        assert self._left >= 0, "the crash was swallowed"
        return task.result()

    async def _counted(self) -> CheckedOut:
        return await self

    def __await__(self) -> Generator[Any, Any, CheckedOut]:
        thrown: BaseException | None = None
        while True:
            try:
                waiting_for = self._work.send(None) if thrown is None else self._work.throw(thrown)
            except StopIteration as finished:
                result: CheckedOut = finished.value
                return result
            self._left -= 1
            if self._left == -1:
                task = asyncio.current_task()
                assert task is not None
                task.cancel()
            thrown = None
            try:
                yield waiting_for
            except BaseException as error:  # the crash, and the call's own timeouts, come in through here
                thrown = error


def request_of(shopper: str, key: str, token: str, *, later_s: float = 0) -> tuple[CommandRequest, CommandKey]:
    command_key = CommandKey(scoped_key(shopper, "", key), fingerprint(token))
    now = datetime.now(UTC) + timedelta(seconds=later_s)
    return CommandRequest(shopper, "guest", Deadline.after(1.5), key=command_key, now=lambda: now), command_key


async def attempt(shop: Shop, shopper: str, token: str, *, later_s: float = 0) -> CheckedOut:
    request, key = request_of(shopper, "k", token, later_s=later_s)
    return await check_out(shop.parts, request, key, CheckoutCommand(token, None, None))


VISA = {"payment_token": "tok_visa"}
STATUS_OF = {"tok_visa": "paid", "tok_declined": "payment_declined"}


async def crash_at(shop: Shop, shopper: Someone, token: str, step: int) -> bool:
    """Whether the checkout ended before its answer; on a machine with too much to do it may do so by itself."""
    try:
        await CrashAt(attempt(shop, shopper.subject, token), step).run()
    except (Crash, ResilienceError):
        return True
    return False


async def repeated(shop: Shop, shopper: Someone, token: str) -> CheckedOut:
    """The repeat once the lease is over: it takes the claim over, or begins anew if nothing was committed."""
    for tries in range(1, 6):
        try:
            return await attempt(shop, shopper.subject, token, later_s=5.0 * tries)
        except ResilienceError as error:
            trouble = error
    raise trouble


@pytest.mark.timeout(180)
@pytest.mark.parametrize("token", ["tok_visa", "tok_declined"])
async def test_a_crash_at_every_step_charges_once_and_the_repeat_agrees_with_the_ledger(shop: Shop, token: str) -> None:
    """Every second step; every one with FULL_RACES=1."""
    await shop.service.product("mug", available=1_000)
    step, after_placing, taken_over = 0, 0, Counter[str]()
    while await crash_at(shop, shopper := await shop.shopper("mug"), token, step):
        placed = [order["status"] for order in (await shopper.get("/api/orders")).json()["items"]]
        after_placing += len(placed)
        again = await repeated(shop, shopper, token)
        taken_over.update([again.answer.status] if placed == ["awaiting_payment"] else [])
        orders = (await shopper.get("/api/orders")).json()["items"]
        assert [order["order_id"] for order in orders] == [again.answer.order_id], f"step {step}"
        step += full_count(2, 1)
    assert after_placing >= 3, f"only {after_placing} crashes up to step {step} came after OrderPlaced"
    # On a machine with too much to do a repeat may run out of time and say 202 too.
    assert set(taken_over) <= {STATUS_OF[token], "awaiting_payment"}
    assert taken_over[STATUS_OF[token]] > taken_over["awaiting_payment"]
    await shop.settle()
    assert {state["status"] for state in (await shop.order_states()).values()} == {STATUS_OF[token]}
    await shop.require_sound()


@pytest.mark.timeout(180)
async def test_a_crash_at_every_step_is_finished_by_settlement_too(shop: Shop) -> None:
    await shop.service.product("mug", available=1_000)
    step = 0
    while await crash_at(shop, await shop.shopper("mug"), "tok_visa", step):
        step += full_count(2, 1)
    await shop.settle(60)
    assert {state["status"] for state in (await shop.order_states()).values()} == {"paid"}
    assert await shop.rows("SELECT 1 FROM idempotency WHERE answer IS NULL") == []
    await shop.require_sound()


async def test_a_repeat_within_the_lease_is_told_to_wait(shop: Shop) -> None:
    await shop.service.product("mug")
    shopper = await shop.shopper("mug")
    call = asyncio.create_task(attempt(shop, shopper.subject, "tok_slow"))
    while not await shop.order_states():  # noqa: ASYNC110 - the service tells nobody
        await asyncio.sleep(0.01)
    call.cancel()
    await asyncio.wait({call})
    with pytest.raises(RequestInProgress):
        await attempt(shop, shopper.subject, "tok_slow")
    await shop.settle()
    again = await attempt(shop, shopper.subject, "tok_slow")
    assert (again.answer.status, again.replayed) == ("paid", True)
    await shop.require_sound()


AS_GATEWAY = AsService("gateway", "command-service")


@pytest.mark.timeout(180)
async def test_a_killed_service_loses_and_doubles_nothing(shop: Shop, tmp_path: Path) -> None:
    """kill -9 of a real process while shoppers check out; they repeat with their keys, as API.md tells them."""
    await shop.service.product("mug", available=1_000)
    database = shop.parts.database.dsn
    env = {"POSTGRES_DSN": database, "PAYMENT_URLS": shop.payment.url, "REPLICA": "killed"}
    process = ServiceProcess("command_service", env, tmp_path / "command.log").start()
    seeded = random.Random(3)
    try:
        async with httpx.AsyncClient(base_url=process.url, timeout=3, auth=AS_GATEWAY) as client:
            for _ in range(full_count(2, 10)):
                shoppers = [await shop.shopper("mug") for _ in range(10)]
                calls = asyncio.gather(*(check_out_once(client, shopper) for shopper in shoppers))
                await asyncio.sleep(seeded.uniform(0.02, 0.25))
                process.kill()
                await calls
                await asyncio.to_thread(process.start)
                finals = await asyncio.gather(*(until_final(client, shopper) for shopper in shoppers))
                assert {status for status, _ in finals} <= {"paid", "awaiting_payment"}
                for shopper, (_, order_id) in zip(shoppers, finals, strict=True):
                    orders = (await shopper.get("/api/orders")).json()["items"]
                    assert [order["order_id"] for order in orders] == [order_id]
    finally:
        process.kill()
    await shop.settle()
    assert {state["status"] for state in (await shop.order_states()).values()} == {"paid"}
    await shop.require_sound()


async def check_out_once(client: httpx.AsyncClient, shopper: Someone) -> None:
    with suppress(httpx.TransportError):
        await client.post("/api/checkout", json=VISA, headers={**shopper.headers, "Idempotency-Key": "k"})


async def until_final(client: httpx.AsyncClient, shopper: Someone) -> tuple[str, str]:
    async with asyncio.timeout(30):
        while True:
            answer = await client.post("/api/checkout", json=VISA, headers={**shopper.headers, "Idempotency-Key": "k"})
            if answer.status_code in {201, 202}:
                return answer.json()["status"], answer.json()["order_id"]
            assert answer.status_code in {409, 503, 504}, answer.text
            await asyncio.sleep(0.3)
