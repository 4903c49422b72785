"""While payment-service misbehaves a checkout is taken on and settled later, once; nobody waits for it."""

import asyncio
import time

import pytest

import journeys
from gameday.nemesis.fault import Fault, Kind
from gameday.target import target
from holdfast_tools.shop import Shop
from running import EmbeddedShop

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize(
    "fault",
    [
        Fault("payment", Kind.HANG, for_s=4),
        Fault("payment", Kind.ERRORS, for_s=4),
        Fault("payment", Kind.LATENCY, for_s=4, latency_ms=10_000),
        Fault("payment", Kind.PAUSE, for_s=4),
    ],
    ids=lambda fault: str(fault.kind),
)
async def test_a_checkout_is_settled_once_the_fault_is_over(
    shop: EmbeddedShop, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOLDFAST_STATE", str(shop.stack.state.path))
    here = target("local")
    assert here.gateways == shop.urls
    async with Shop(shop.urls) as client:
        token = await journeys.with_cart(client, await journeys.product(client, 10))
        here.faults.inject(fault)
        began = time.monotonic()
        answer = await client.call("POST", "/api/checkout", token=token, body=journeys.CARD)
        assert (answer.status, answer.body["status"]) == (202, "awaiting_payment")
        assert time.monotonic() - began < 2
        order = await journeys.settled(client, token, answer.body["order_id"])
    assert order["status"] == "paid"
    assert time.monotonic() - began > 3
    assert here.faults.serves("payment")
    audit = await asyncio.to_thread(here.audit, shop.acks, 60)
    assert audit.differences == sum(row.differences for row in audit.table) == 0, audit.text
    assert "every acknowledged order and cancellation is there as acknowledged" in [row.claim for row in audit.table]
