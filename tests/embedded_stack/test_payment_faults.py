"""While payment-service misbehaves a checkout is taken on and settled later, once; nobody waits for it."""

import time

import pytest

import journeys
from gameday.faults.embedded import EmbeddedFaults
from gameday.faults.fault import Fault, Kind
from holdfast_tools.shop import Shop
from running import EmbeddedShop, assert_audit_is_clean

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize(
    "fault",
    [
        Fault("payment", Kind.HANG, for_s=4),
        Fault("payment", Kind.ERRORS, for_s=4),
        Fault("payment", Kind.LATENCY, for_s=4, latency_ms=2000),
        Fault("payment", Kind.PAUSE, for_s=4),
    ],
    ids=lambda fault: str(fault.kind),
)
async def test_a_checkout_is_settled_once_the_fault_is_over(shop: EmbeddedShop, fault: Fault) -> None:
    faults = EmbeddedFaults(shop.stack)
    async with Shop(shop.urls) as client:
        token = await journeys.with_cart(client, await journeys.product(client, 10))
        faults.inject(fault)
        began = time.monotonic()
        answer = await client.call("POST", "/api/checkout", token=token, body=journeys.CARD)
        assert (answer.status, answer.body["status"]) == (202, "awaiting_payment")
        assert time.monotonic() - began < 2
        order = await journeys.settled(client, token, answer.body["order_id"])
    assert order["status"] == "paid"
    assert time.monotonic() - began > 3
    assert faults.serves("payment")
    assert_audit_is_clean(shop)
