"""No request, however wrong, is answered by accident, moves a protection, or changes what is another's.

HOLDFAST_FULL=1 sends every mutation of every operation instead of a share, and 70 times as many random requests.
"""

import asyncio
import os
import time
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from contract import Client
from hostile_requests import examples, mutations, strategies, values
from hostile_requests.attacker import Attacker, attacker, real_cursors
from hostile_requests.innocents import Protections, catalogue, innocent, protections
from hostile_requests.operations import Operation, Request, World, operations
from running import EmbeddedShop, assert_audit_is_clean

FULL = os.environ.get("HOLDFAST_FULL") == "1"
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(3600 if FULL else 700)]

_SHARE = 1 if FULL else 19  # one mutation of so many; prime, so that every value meets several operations and places
_RANDOM = 1000 if FULL else 15  # random requests of each operation
_NAMED = {value.decode("latin-1") for value in values.SEGMENTS}  # a run's administrator may make and end these products
_CALM_WITHIN_S = 60
_BUSY = 0.02  # of all requests: what a shop on a busy machine may answer with "not now"


async def test_a_hostile_request_is_refused_by_the_contract_and_harms_nobody(
    shop: EmbeddedShop, somebody: Client
) -> None:
    calls = operations((await somebody.http.get(f"{shop.urls[0]}/openapi.json")).json())
    calls.sort(
        key=lambda call: call.method == "DELETE" and call.role == "admin"
    )  # last: it ends the attacker's product
    victim, shopper = await innocent(somebody), await innocent(somebody)
    attacking, own = await attacker(somebody)
    theirs = {"product_id": victim.product_id, "order_id": victim.order_id, "stream_id": f"order-{victim.order_id}"}
    world = real_cursors(attacking, calls, World(own, theirs))
    before, goods = await victim.belongings(), await catalogue(somebody)
    calm = await _calm(somebody, shop)

    async def nothing_moved(since: str) -> None:
        now = await protections(somebody.http, shop.urls)
        assert not now.open, f"after {since}: {now.open}\n{_listed(attacking)}"
        await shopper.is_served()

    for number, call in enumerate(calls):
        for request in _share(call, world, number):
            attacking.attack(request)
        _send_random_requests(call, world, attacking)
        await nothing_moved(call.id)
    for example in examples.examples(calls, world):
        attacking.attack_as_listed(example)
        await nothing_moved(example.request.about)

    after = await protections(somebody.http, shop.urls)
    print(f"{attacking.sent:,} hostile requests, {attacking.busy} answered with not now; {calm}, then {after}")
    assert await victim.belongings() == before
    listed, others = await catalogue(somebody), goods.keys() - {own["product_id"]} - _NAMED
    assert {product_id: listed.get(product_id) for product_id in others} == {one: goods[one] for one in others}
    assert not attacking.findings, _listed(attacking)
    assert attacking.busy <= _BUSY * attacking.sent
    assert (after.repeats, after.limit) == (calm.repeats, calm.limit)
    assert_audit_is_clean(shop)


async def _calm(somebody: Client, shop: EmbeddedShop) -> Protections:
    """The protections once no breaker is open: the tests before this one may have opened some."""
    deadline = time.monotonic() + _CALM_WITHIN_S
    while (now := await protections(somebody.http, shop.urls)).open:
        assert time.monotonic() < deadline, now.open
        await asyncio.sleep(0.5)
    return now


def _share(call: Operation, world: World, number: int) -> Iterator[Request]:
    """All that could be taken for another's thing or another call, and a share of the rest."""
    for index, mutation in enumerate(mutations.mutations(call, world)):
        if mutation.place.startswith(("path", "target")) or (index + number) % _SHARE == 0:
            yield mutations.mutated(call, world, mutation)


def _send_random_requests(call: Operation, world: World, attacking: Attacker) -> None:
    @settings(
        derandomize=True, max_examples=_RANDOM, deadline=None, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(strategies.hostile_requests(call, world))
    def send(request: Request) -> None:
        attacking.attack(request)

    send()


def _listed(attacking: Attacker) -> str:
    worst_first = sorted(attacking.findings.items(), key=lambda one: ("for bad input" not in one[0], -one[1]))
    lines = [f"{count} × {finding}" for finding, count in worst_first[:100]]
    return "\n".join([f"{len(attacking.findings)} findings:", *lines])
