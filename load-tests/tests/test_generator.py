"""Open arrivals: nobody waits for anybody, and what was not sent is counted."""

import random
from pathlib import Path

import gevent
import pytest

from gameday.workload import generator
from gameday.workload.client import Client
from gameday.workload.context import Acknowledgements, Context
from gameday.workload.dataset import Dataset
from gameday.workload.generator import Generator
from gameday.workload.mix import MIX, Step, parse
from gameday.workload.records import Record
from gameday.workload.schedule import Arrival, poisson
from gameday.workload.shopper_pool import ShopperPool
from gameday.workload.worker import Worker
from shop_double import Serve, Told

MARKET = Dataset(["85123A"], [1], ["white lantern"], [[["85123A"]]])
LOOKING = parse("browse=1")
LIST = {"items": [], "next_cursor": None, "total": 0}
PRODUCT = {"product_id": "85123A", "unit_amount": 1, "available": 1}


class Run:
    """A generator against scripted gateways."""

    def __init__(self, *urls: str, timeout_s: float = 2.0) -> None:
        self.records: list[Record] = []
        self.client = Client(urls, tries=1, timeout_s=timeout_s)
        self.shoppers = ShopperPool(most=100)
        context = Context(MARKET, Acknowledgements(None), len(urls), self.shoppers.join)
        self.generator = Generator(Worker(context, self.client, self.records.append), self.shoppers, self.client)


def _looks(serve: Serve, after_s: float = 0.0) -> str:
    def answer(asked: object) -> Told:
        path = getattr(asked, "path", "")
        return Told(200, PRODUCT if path.startswith("/api/products/") else LIST, after_s=after_s)

    return serve(answer).url


def test_a_slow_shop_is_asked_at_the_planned_times_all_the_same(serve: Serve) -> None:
    run = Run(_looks(serve, after_s=0.5))
    plan = poisson(60, 2, 1, LOOKING)
    began = run.client.now() + 0.1
    played = run.generator.play(plan, began)
    assert (played.planned, played.sent, played.dropped, played.unoffered) == (len(plan), len(plan), 0, 0)
    assert sorted(record.intended for record in run.records) == pytest.approx([began + one.at_s for one in plan])
    assert all(record.ended - record.intended >= 0.5 for record in run.records)
    under_way = [sum(other.sent <= one.sent < other.ended for other in run.records) for one in run.records]
    assert max(under_way) > 15  # 60 a second for half a second each: about 30 at once, where a closed loop has few


def test_more_under_way_than_can_be_is_counted_and_not_waited_for(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generator, "MOST_AT_ONCE", 5)
    run = Run(_looks(serve, after_s=1))
    plan = [Arrival(0.01 * number, Step("browse", "list", 100), number) for number in range(20)]
    played = run.generator.play(plan, run.client.now())
    assert (played.planned, played.sent, played.dropped) == (20, 5, 15)


def test_a_step_that_nobody_can_do_is_counted_as_not_offered(serve: Serve) -> None:
    run = Run(_looks(serve))
    checkout = next(step for step in MIX if step.call == "checkout")
    played = run.generator.play([Arrival(0.0, checkout, 1)], run.client.now())
    assert (played.planned, played.sent, played.unoffered) == (1, 0, 1)


def test_when_it_is_stopped_no_more_come_and_those_under_way_are_finished(serve: Serve) -> None:
    run = Run(_looks(serve, after_s=0.3))
    plan = poisson(50, 30, 1, LOOKING)
    gevent.spawn_later(1.0, run.client.stopping.set)
    played = run.generator.play(plan, run.client.now())
    assert 20 < played.planned < 100
    assert played.planned == played.sent == len(run.records)


def test_one_seed_asks_for_the_same_things(serve: Serve, tmp_path: Path) -> None:
    dataset = Dataset(["A", "B", "C"], [1, 2, 3], ["red bag", "tin", "white candle"], [[["A"]]])

    def asked(seed: int) -> list[str]:
        gateway = serve(Told(200, LIST))
        client = Client([gateway.url], tries=1)
        worker = Worker(Context(dataset, Acknowledgements(None), 1, lambda _: None), client, lambda _: None)
        for arrival in poisson(50, 1, seed, LOOKING):
            worker.step(arrival.step, None, random.Random(arrival.seed), client.now())
        return [request.path for request in gateway.asked]

    assert asked(1) == asked(1)
    assert asked(1) != asked(2)
