"""A step of a shopper: what is remembered of its answer, and what is written down before it counts."""

import random
from pathlib import Path

import pytest

from gameday.workload.client import Client
from gameday.workload.context import Acknowledgements, Context
from gameday.workload.dataset import Dataset
from gameday.workload.mix import MIX
from gameday.workload.records import Outcome, Record
from gameday.workload.shopper import Shopper
from gameday.workload.worker import Worker
from holdfast_tools.acks import Ack, AckFile, read_acks
from shop_double import Asked, Serve, Told

STEPS = {step.call: step for step in MIX}
CART = "cart-0194e5a0-0000-7000-8000-000000000001"
ORDER = "0194e5a0-0000-7000-8000-00000000000a"
MARKET = Dataset(["85123A"], [1], ["white lantern"], [[["85123A"]]])


class Stage:
    """One shopper at one scripted gateway; every time-out is short."""

    def __init__(self, url: str, path: Path) -> None:
        self.path = path
        self.records: list[Record] = []
        self.acks_when_recorded: list[int] = []
        self.came: list[Shopper] = []
        self.client = Client([url], tries=1, timeout_s=0.3)
        self.acknowledgements = Acknowledgements(AckFile(path))
        context = Context(MARKET, self.acknowledgements, 1, self.came.append)
        self.worker = Worker(context, self.client, self._record)
        self.shopper = Shopper("token", CART.removeprefix("cart-"), 0, [(("85123A", 2),), (("71053", 1),)])

    def _record(self, record: Record) -> None:
        self.records.append(record)
        self.acks_when_recorded.append(len(self.acks))

    @property
    def acks(self) -> list[Ack]:
        return list(read_acks(self.path))

    def step(self, call: str) -> Record:
        who = None if call in ("session", "search", "product") else self.shopper
        # 0.5 is no abandoned cart and no declined card
        dice = random.Random(1)
        dice.random = lambda: 0.5  # type: ignore[method-assign]
        self.worker.step(STEPS[call], who, dice, self.client.now())
        return self.records[-1]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "acks.jsonl"


ADDED = Told(200, {"cart_id": "c", "version": 1}, {"Consistency-Token": f"{CART}@1"})
PAID = Told(201, {"order_id": ORDER, "status": "paid", "total_amount": 590}, {"Consistency-Token": f"order-{ORDER}@2"})


def test_a_shopper_fills_the_cart_pays_and_comes_again(serve: Serve, path: Path) -> None:
    gateway = serve(ADDED, PAID)
    stage = Stage(gateway.url, path)
    assert stage.step("add").outcome is Outcome.OK
    assert (stage.shopper.cart, stage.shopper.to_add) == ({"85123A": 2}, [])
    stage.step("checkout")
    assert (stage.shopper.cart, stage.shopper.to_add) == ({}, [("71053", 1)])
    assert stage.acks == [Ack("order", ORDER, stage.shopper.customer_id, "paid", 590, {"85123A": 2}, "load")]
    assert stage.acks_when_recorded == [0, 1]


def test_a_checkout_without_an_answer_is_the_same_checkout_the_next_time(serve: Serve, path: Path) -> None:
    gateway = serve(ADDED, Told(201, PAID.body, after_s=0.6), PAID)
    stage = Stage(gateway.url, path)
    stage.step("add")
    assert stage.step("checkout").code == "Timeout"
    assert not stage.acks
    assert stage.step("checkout").outcome is Outcome.OK
    first, again = [asked for asked in gateway.asked if asked.path == "/api/checkout"]
    assert first.headers["idempotency-key"] == again.headers["idempotency-key"]
    assert [ack.quantities for ack in stage.acks] == [{"85123A": 2}]


def test_looking_at_the_cart_settles_no_pending_command(serve: Serve, path: Path) -> None:
    cart = Told(200, {"lines": [], "total_amount": 0, "version": 0})
    gateway = serve(Told(503, {"code": "overloaded"}, {"Retry-After": "1"}), cart, ADDED)
    stage = Stage(gateway.url, path)
    assert stage.step("add").outcome is Outcome.CONTAINED
    stage.shopper.cart = {"x": 1}
    assert stage.step("view").outcome is Outcome.OK
    assert stage.shopper.pending is not None
    stage.step("add")
    assert stage.shopper.pending is None
    assert gateway.asked[0].headers["idempotency-key"] == gateway.asked[2].headers["idempotency-key"]


def test_a_read_older_than_what_was_written_is_a_failure_unless_it_says_so(serve: Serve, path: Path) -> None:
    old = {"lines": [], "total_amount": 0, "version": 0}
    gateway = serve(ADDED, Told(200, old), Told(200, old, {"Degraded": "projection-lag", "Age": "7"}))
    stage = Stage(gateway.url, path)
    stage.step("add")
    assert stage.step("view").code == "wrong-body"
    marked = stage.step("view")
    assert (marked.outcome, marked.degraded, marked.age_s) == (Outcome.DEGRADED, "projection-lag", 7)
    assert gateway.asked[1].headers["consistency-token"] == f"{CART}@1"


def test_a_cart_with_other_lines_than_were_added_is_a_failure(serve: Serve, path: Path) -> None:
    lines = [{"product_id": "85123A", "quantity": 3}]
    stage = Stage(serve(ADDED, Told(200, {"lines": lines, "total_amount": 1, "version": 1})).url, path)
    stage.step("add")
    assert stage.step("view").code == "wrong-body"


def test_a_cancellation_is_written_down_and_the_goods_count_as_back(serve: Serve, path: Path) -> None:
    cancelled = Told(200, {"order_id": ORDER, "status": "cancelled", "refund": "done", "version": 3})
    stage = Stage(serve(ADDED, PAID, cancelled).url, path)
    for call in ("add", "checkout", "cancel"):
        stage.step(call)
    assert [ack.kind for ack in stage.acks] == ["order", "cancel"]
    assert stage.shopper.open_orders == []
    assert stage.acknowledgements.shelf.most_needed() is None


def test_out_of_stock_is_told_to_the_restocker_and_the_shopper_leaves(serve: Serve, path: Path) -> None:
    lines = [{"product_id": "85123A", "requested": 2, "available": 0}]
    stage = Stage(serve(ADDED, Told(409, {"code": "out-of-stock", "lines": lines})).url, path)
    stage.step("add")
    assert stage.step("checkout").outcome is Outcome.REFUSED
    assert stage.shopper.left
    assert stage.acknowledgements.shelf.most_needed() == ("85123A", 100)


def test_a_shopper_whose_cart_nobody_can_tell_any_more_leaves(serve: Serve, path: Path) -> None:
    stage = Stage(serve(Told(200, {"no": "version"})).url, path)
    assert stage.step("add").code == "wrong-body"
    assert stage.shopper.left


def test_a_new_session_is_a_new_shopper(serve: Serve, path: Path) -> None:
    stage = Stage(serve(Told(201, {"token": "t2", "customer_id": "c2"})).url, path)
    stage.step("session")
    assert [(new.token, new.to_add[0][0]) for new in stage.came] == [("t2", "85123A")]


def test_a_product_that_is_another_one_is_a_failure(serve: Serve, path: Path) -> None:
    def other(_: Asked) -> Told:
        return Told(200, {"product_id": "71053", "unit_amount": 1, "available": 1}, {"Served-From": "cache"})

    record = Stage(serve(other).url, path).step("product")
    assert (record.outcome, record.code, record.served_from) == (Outcome.FAILED, "wrong-body", "cache")
