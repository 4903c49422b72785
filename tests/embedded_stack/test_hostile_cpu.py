"""One hostile call alone costs the whole shop at most 50 ms of CPU time.

HOLDFAST_FULL=1 measures every generated request instead of a share of them.
"""

import os
from collections.abc import Iterator

import pytest

from contract import Client
from hostile_requests import dear, examples, mutations
from hostile_requests.attacker import Attacker, attacker, real_cursors
from hostile_requests.cpu import CpuMeter
from hostile_requests.exchange import Response
from hostile_requests.operations import Operation, Request, World, operations
from running import EmbeddedShop

FULL = os.environ.get("HOLDFAST_FULL") == "1"
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(3600 if FULL else 400)]

_MOST_MS = 50.0
_SHARE = 1 if FULL else 101  # one generated request of so many
_SCREENING, _CALLS, _REPEATS = 4, 20, 3
_TRIES = 5
_DEAREST = 10  # measured well and shown
_HEADERS_OF = ("list_products", "get_cart", "add_to_cart")  # headers are read alike everywhere


@pytest.mark.timing("CPU time in ticks of 10 ms, with other processes on the machine")
async def test_one_hostile_call_costs_at_most_50_ms_of_cpu(shop: EmbeddedShop, somebody: Client) -> None:
    calls = operations((await somebody.http.get(f"{shop.urls[0]}/openapi.json")).json())
    attacking, own = await attacker(somebody)
    world = real_cursors(attacking, calls, World(own, own))
    record = shop.stack.state.read()
    assert record is not None
    meter = CpuMeter.of(record.pid)

    screened = [(_cost(meter, attacking, request, _SCREENING), request) for request in _requests(calls, world)]
    screened.sort(key=lambda one: one[0], reverse=True)
    measured = [
        (min(_cost(meter, attacking, request, _CALLS) for _ in range(_REPEATS)), request)
        for _, request in screened[: 2 * _DEAREST]
    ]
    measured.sort(key=lambda one: one[0], reverse=True)
    table = "\n".join(f"{ms:7.1f} ms  {_name(request)}: {request.about}" for ms, request in measured[:_DEAREST])
    print(f"the dearest of {len(screened):,} requests, beside an idle shop of {meter.idle:.2f} cores:\n{table}")
    assert measured[0][0] <= _MOST_MS, table


def _cost(meter: CpuMeter, attacking: Attacker, request: Request, calls: int) -> float:
    """CPU ms of one call. A series of which the shop refused some for want of time or place is measured again."""
    answers: list[Response] = []
    for _ in range(_TRIES):
        answers.clear()
        ms = meter.ms_a_call(lambda: answers.append(attacking.send(request)), calls)
        if request.sets_deadline or not any(answer.status in (429, 503, 504) for answer in answers):
            return ms
    raise AssertionError(f"{_name(request)}: {request.about}: {answers[-1]}")


def _requests(calls: list[Operation], world: World) -> Iterator[Request]:
    for example in examples.examples(calls, world):
        yield example.request
    yield from dear.dear_requests(calls, world)
    for number, call in enumerate(calls):
        for index, mutation in enumerate(mutations.mutations(call, world)):
            measured = not mutation.place.startswith("header") or call.id in _HEADERS_OF
            if measured and (index + number) % _SHARE == 0:
                yield mutations.mutated(call, world, mutation)


def _name(request: Request) -> str:
    return request.operation.id if request.operation else f"{request.method.decode('latin-1')} {request.target[:40]!r}"
