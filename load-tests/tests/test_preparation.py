"""The stock of shoppers: made until it is there, and not a moment longer than wanted."""

import gevent
import pytest

from gameday.workload.client import Client
from gameday.workload.context import Acknowledgements, Context
from gameday.workload.dataset import Dataset
from gameday.workload.mix import parse
from gameday.workload.preparation import Demand, Preparation
from gameday.workload.records import Record
from gameday.workload.shopper_pool import ShopperPool
from holdfast_tools.command_line import UserError
from shop_double import Asked, Serve, Told

MARKET = Dataset(["85123A"], [1], ["white lantern"], [[["85123A"]]])
CHECKOUTS = parse("checkout=1")


def _shop(asked: Asked) -> Told:
    if asked.path == "/api/sessions":
        return Told(201, {"token": "t", "customer_id": "c"})
    return Told(200, {"cart_id": "c", "version": 1})


def _preparation(url: str) -> tuple[Preparation, ShopperPool, Client, list[Record]]:
    records: list[Record] = []
    client, shoppers = Client([url], tries=1), ShopperPool(most=100)
    context = Context(MARKET, Acknowledgements(None), 1, shoppers.join)
    demand = Demand.of(CHECKOUTS, rate=2)
    return Preparation(context, client, records.append, shoppers, demand), shoppers, client, records


def test_shoppers_are_made_until_the_stock_is_there(serve: Serve) -> None:
    preparation, shoppers, _, records = _preparation(serve(_shop).url)
    preparation.stock_up(10)
    ready = [shopper for shopper in shoppers if shopper.cart and not shopper.to_add]
    assert len(ready) >= 18  # 20, but for a basket left behind now and then
    assert {record.journey for record in records} == {"admin"}


def test_a_shop_that_lets_nobody_in_is_named(serve: Serve) -> None:
    preparation, *_ = _preparation(serve(Told(503, {"code": "overloaded"}, {"Retry-After": "1"})).url)
    with pytest.raises(UserError, match="does not serve new shoppers: session: overloaded"):
        preparation.stock_up(10)


def test_who_is_stopped_makes_no_more(serve: Serve) -> None:
    def slow(asked: Asked) -> Told:
        return Told(_shop(asked).status, _shop(asked).body, after_s=0.2)

    gateway = serve(slow)
    preparation, _, client, _ = _preparation(gateway.url)
    gevent.spawn_later(0.1, client.stopping.set)
    with pytest.raises(UserError, match="stopped before the schedule began"):
        preparation.stock_up(1000)
    assert len(gateway.asked) < 60


def test_while_it_runs_whoever_is_missing_is_made_one_at_a_time(serve: Serve) -> None:
    preparation, shoppers, client, _ = _preparation(serve(_shop).url)
    keeping = gevent.spawn(preparation.keep_up, 1000)
    gevent.sleep(1.5)
    client.stopping.set()
    keeping.join(5)
    assert 0 < len(shoppers) <= 10  # four seconds of two checkouts, and no more
