"""Correctness is no protection: with every one switched off money and stock are right all the same."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

import httpx

from command_service.testing.service import Someone
from command_service.testing.shop import Shop
from holdfast.resilience.protections import ALL
from holdfast.service.keys import DEMO_PRIVATE_KEY
from holdfast.service.tokens import TokenSigner
from holdfast.testing.credentials import AsService

VISA = {"payment_token": "tok_visa"}
SwitchOff = Callable[..., None]


async def everywhere(shop: Shop, switch_off: SwitchOff, *off: str) -> None:
    """In this process, where the command-services are, and in the payment-service's."""
    switch_off(*off)
    token, _ = TokenSigner(DEMO_PRIVATE_KEY).sign("somebody", "admin", datetime.now(UTC))
    headers, as_gateway = {"Authorization": f"Bearer {token}"}, AsService("gateway", "payment-service")
    async with httpx.AsyncClient(base_url=shop.payment.url, headers=headers, auth=as_gateway) as client:
        (await client.put("/protections", json={"off": list(off)})).raise_for_status()


async def test_repeats_against_a_failing_ledger_charge_once_and_sell_what_there_is(
    shop_of_two: Shop, switch_off: SwitchOff
) -> None:
    shop = shop_of_two
    await everywhere(shop, switch_off, *ALL)
    await shop.service.product("mug", available=12)
    shoppers = [await shop.shopper("mug", replica=number % 2) for number in range(16)]
    await shop.faults(hang={"percent": 30, "expires_in_s": 4}, error_rate={"percent": 30, "expires_in_s": 4})

    async def buy(shopper: Someone, key: str) -> int:
        """Until it is answered, twice at once to begin with, always with the same key."""
        answers = await asyncio.gather(*(shopper.post("/api/checkout", VISA, key=key) for _ in range(2)))
        for _ in range(20):
            answers.append(await shopper.post("/api/checkout", VISA, key=key))
            if answers[-1].status_code in (201, 202) or answers[-1].json()["code"] == "out-of-stock":
                break
            await asyncio.sleep(0.2)
        return answers[-1].status_code

    try:
        outcomes = await asyncio.gather(*(buy(shopper, f"key-{n}") for n, shopper in enumerate(shoppers)))
        await shop.faults()
        await shop.settle(30)
    finally:
        await everywhere(shop, switch_off)
    assert sorted(status for status in outcomes if status > 300) == [409] * 4
    assert await shop.available("mug") == 0
    states = await shop.order_states()
    assert [state["status"] for state in states.values()] == ["paid"] * 12
    await shop.require_sound()


async def test_without_deadlines_the_ledger_still_answers_within_its_400_ms(shop: Shop, switch_off: SwitchOff) -> None:
    await everywhere(shop, switch_off, "deadline")
    try:
        await shop.service.product("mug")
        shopper = await shop.shopper("mug")
        loop = asyncio.get_running_loop()
        began = loop.time()
        async with httpx.AsyncClient(auth=AsService("command-service", "payment-service")) as client:
            url = f"{shop.payment.url}/charges/0193f0a0-0000-7000-8000-0000000000aa"
            slow = {"amount": 500, "currency": "GBP", "payment_token": "tok_slow"}
            assert (await client.put(url, json=slow)).status_code == 202
        assert loop.time() - began < 0.8  # the card itself takes a second
        assert (await shopper.post("/api/checkout", VISA, key="k")).status_code == 201
    finally:
        await everywhere(shop, switch_off)


async def test_without_deadlines_settlement_takes_a_void_up_as_soon_as_ever(shop: Shop, switch_off: SwitchOff) -> None:
    await shop.service.product("mug")
    shopper = await shop.shopper("mug")
    order_id = (await shopper.post("/api/checkout", VISA, key="k")).json()["order_id"]
    await shop.faults(error_rate={"expires_in_s": 60})
    switch_off("deadline")
    assert (await shopper.post(f"/api/orders/{order_id}/cancel", {"reason": "changed my mind"}, key="c")).is_success
    (row,) = await shop.rows("SELECT extract(epoch FROM next_attempt_at - now())::float8 AS due_s FROM payment_work")
    assert row["due_s"] < 4
