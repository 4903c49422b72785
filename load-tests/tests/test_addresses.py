"""Callers with addresses of their own: where that is possible, what comes from them, and which connections are kept."""

import random

import pytest

from gameday.addresses import SHOPPERS, can_bind, draw
from gameday.workload.client import Client
from gameday.workload.context import Acknowledgements, Context
from gameday.workload.dataset import Dataset
from gameday.workload.mix import MIX
from gameday.workload.operation import Operation
from gameday.workload.shopper import Shopper
from gameday.workload.transport import Transport
from gameday.workload.worker import Worker
from shop_double import Asked, Serve, Told

STEPS = {step.call: step for step in MIX}
MARKET = Dataset(["85123A"], [1], ["white lantern"], [[["85123A"]]])


@pytest.mark.parametrize(
    ("host", "possible"),
    [("127.0.0.1", True), ("127.5.0.1", True), ("192.0.2.1", False), ("gateway", False), ("localhost", False)],
)
def test_only_loopback_targets_are_called_from_such_addresses(host: str, possible: bool) -> None:
    assert can_bind(host) is possible


def test_a_call_comes_from_its_source_over_a_connection_that_no_other_source_uses(serve: Serve) -> None:
    gateway = serve(Told(200, {}))
    client = Client([gateway.url])
    for source in ("127.1.0.7", "127.1.0.8", "127.1.0.7", ""):
        client.send(Operation("GET", "/", source=source), 0)
    first, second, again, any_ = (asked.peer for asked in gateway.asked)
    assert (first[0], second[0], any_[0]) == ("127.1.0.7", "127.1.0.8", "127.0.0.1")
    assert again == first
    client.close()


def test_a_target_that_is_no_loopback_address_is_called_from_any(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gameday.workload.transport.can_bind", lambda host: False)
    gateway = serve(Told(200, {}))
    Transport(gateway.url).call("GET", "/", {}, b"", 1.0, "127.1.0.7")
    assert gateway.asked[0].peer[0] == "127.0.0.1"


def test_a_shopper_looks_around_with_the_session_and_address_of_all_other_calls(serve: Serve) -> None:
    def answer(asked: Asked) -> Told:
        if asked.path == "/api/sessions":
            return Told(201, {"token": "its-own", "customer_id": "c"})
        return Told(200, {"cart_id": "c", "version": 1})

    gateway = serve(answer)
    client, came = Client([gateway.url], tries=1), list[Shopper]()
    worker = Worker(Context(MARKET, Acknowledgements(None), 1, came.append), client, lambda _: None)
    worker.step(STEPS["session"], None, random.Random(1), client.now())
    for call in ("list", "search", "product", "recommendations", "add"):
        worker.step(STEPS[call], came[0], random.Random(1), client.now())
    assert came[0].source in SHOPPERS
    assert {asked.peer[0] for asked in gateway.asked} == {came[0].source}
    assert {asked.headers["authorization"] for asked in gateway.asked[1:]} == {"Bearer its-own"}


def test_shoppers_come_from_many_addresses_or_where_these_are_of_no_use_from_one() -> None:
    dice = random.Random(1)
    assert len({draw(SHOPPERS, dice) for _ in range(2000)}) > 240
    assert draw((), dice) == ""
