"""Goods come in as they go out, once for each delivery, whatever the shop is doing."""

import gevent
import pytest

from gameday.workload.client import Client
from gameday.workload.records import Record
from gameday.workload.restocker import Restocker
from gameday.workload.stock import BATCH, Stock
from holdfast_tools.command_line import UserError
from shop_double import Asked, Serve, Told

SIGNED_IN = Told(201, {"token": "admin-token"})
STOCKED = Told(200, {"product_id": "85123A", "version": 2})


def test_what_went_out_most_comes_in_first_and_then_counts_as_delivered() -> None:
    shelf = Stock()
    shelf.moved("A", BATCH)
    shelf.moved("B", BATCH + 5)
    assert [shelf.most_needed() for _ in range(3)] == [("B", BATCH + 5), ("A", BATCH), None]


def test_what_came_back_needs_no_delivery() -> None:
    shelf = Stock()
    shelf.moved("A", BATCH)
    shelf.moved("A", -1)
    assert shelf.most_needed() is None


def test_what_a_shopper_found_too_few_of_comes_at_once() -> None:
    shelf = Stock()
    shelf.short("A")
    shelf.short("A")
    assert shelf.most_needed() == ("A", 100)
    assert shelf.most_needed() is None


def _restocker(url: str, shelf: Stock, records: list[Record]) -> tuple[Restocker, Client]:
    client = Client([url], tries=1)
    return Restocker(client, shelf, "admin@holdfast.example", "a-password", records.append), client


def test_a_delivery_that_got_no_answer_is_repeated_with_its_key(serve: Serve) -> None:
    answers = iter([SIGNED_IN, Told(503, {"code": "dependency-unavailable"}), Told(500, {}), STOCKED])

    def answer(_: Asked) -> Told:
        return next(answers)

    gateway, shelf, records = serve(answer), Stock(), list[Record]()
    restocker, client = _restocker(gateway.url, shelf, records)
    restocker.sign_in()
    shelf.moved("85123A", 12)
    running = gevent.spawn(restocker.run, 500)
    gevent.sleep(1.0)
    client.stopping.set()
    running.join(2)
    deliveries = gateway.asked[1:]
    assert [asked.path for asked in deliveries] == ["/api/admin/products/85123A/stock"] * 3
    assert {asked.headers["authorization"] for asked in deliveries} == {"Bearer admin-token"}
    assert len({asked.headers["idempotency-key"] for asked in deliveries}) == 1
    assert deliveries[0].body == {"delta": 12, "reason": "restocked"}
    assert {record.journey for record in records} == {"admin"}


def test_a_wrong_password_is_one_line(serve: Serve) -> None:
    restocker, _ = _restocker(serve(Told(401, {"code": "invalid-credentials"})).url, Stock(), [])
    with pytest.raises(UserError, match=r"refused the sign-in of admin@holdfast\.example: invalid-credentials"):
        restocker.sign_in()
