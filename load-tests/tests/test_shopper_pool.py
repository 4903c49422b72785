"""Who is in the shop, who can do what, and how many are missing."""

import random

from hypothesis import given
from hypothesis import strategies as st

from gameday.workload import calls
from gameday.workload.mix import MIX
from gameday.workload.operation import Operation, command
from gameday.workload.preparation import LOOK, Demand
from gameday.workload.shopper import Order, Shopper
from gameday.workload.shopper_pool import ShopperPool

DICE = random.Random(1)


def _shopper(*visits: tuple[tuple[str, int], ...]) -> Shopper:
    return Shopper("token", "customer", 0, list(visits or [(("85123A", 1),)]))


@given(st.lists(st.integers(0, 30), max_size=60))
def test_whoever_leaves_is_gone_and_everybody_else_stays(leaving: list[int]) -> None:
    shoppers = ShopperPool(most=100)
    there = [_shopper() for _ in range(20)]
    for shopper in there:
        shoppers.join(shopper)
    for number in leaving:
        if number < len(there):
            there[number].left = True
            shoppers.give_back(there.pop(number))
    assert set(shoppers) == set(there)
    assert all(list(shoppers)[shopper.place] is shopper for shopper in there)


def test_only_somebody_able_is_taken_and_only_once() -> None:
    shoppers = ShopperPool(most=100)
    for _ in range(50):
        shoppers.join(_shopper())
    able = _shopper()
    able.to_add, able.cart = [], {"85123A": 1}
    shoppers.join(able)
    assert shoppers.take("checkout", DICE) is able
    assert shoppers.take("checkout", DICE) is None
    shoppers.give_back(able)
    assert shoppers.take("checkout", DICE) is able


def test_nobody_is_there_at_first() -> None:
    assert ShopperPool(most=1).take("add", DICE) is None


def test_before_an_unsettled_command_is_repeated_nothing_else_is_changed() -> None:
    shopper = _shopper()
    shopper.cart, shopper.to_add = {"85123A": 1}, []
    shopper.orders = [Order("1", 100, {"85123A": 1})]
    shopper.pending = "checkout", command("POST", "/api/checkout", "token", {})
    assert [name for name in calls.CALLS if calls.can(shopper, name)] == ["view", "checkout", "details", "orders"]
    assert calls.operation("checkout", None, shopper, DICE) is shopper.pending[1]  # type: ignore[arg-type]


def test_who_is_finished_goes_home_once_nothing_is_left_to_cancel() -> None:
    shoppers = ShopperPool(most=10)
    shopper = _shopper()
    shoppers.join(shopper)
    shopper.to_add, shopper.orders = [], [Order("1", 100, {"85123A": 1})]
    shoppers.give_back(shopper)
    assert len(shoppers) == 1
    shopper.orders[0].cancelled = True
    shoppers.give_back(shopper)
    assert len(shoppers) == 0


def test_above_its_size_the_crowd_loses_those_who_came_for_nothing_more() -> None:
    shoppers = ShopperPool(most=1)
    finished, buying = _shopper(), _shopper()
    finished.to_add, finished.orders = [], [Order("1", 100, {"85123A": 1})]
    for shopper in (finished, buying):
        shoppers.join(shopper)
    for shopper in (buying, finished):
        shoppers.give_back(shopper)
    assert list(shoppers) == [buying]


def test_the_next_visit_brings_the_next_basket() -> None:
    shopper = _shopper((("A", 1),), (("B", 2),))
    assert shopper.to_add == [("A", 1)]
    shopper.next_visit()
    assert (shopper.to_add, shopper.cart) == ([("B", 2)], {})
    shopper.next_visit()
    assert shopper.finished


def test_what_a_shopper_has_seen_is_asked_for_and_never_goes_back() -> None:
    shopper = _shopper()
    cart = "cart-0194e5a0-0000-7000-8000-000000000001"
    shopper.saw(f"{cart}@3")
    shopper.saw(f"{cart}@2")
    shopper.saw("")
    assert shopper.versions(cart, "order-1") == {cart: 3}


def test_a_stock_for_some_seconds_is_missing_until_it_is_there() -> None:
    shoppers = ShopperPool(most=100)
    demand = Demand.of(MIX, rate=60)
    missing = demand.missing(shoppers, 10)
    assert missing["checkout"] == round(10 * 60 * 0.073)
    assert missing["cancel"] == round(10 * 60 * 0.055)
    ready = _shopper()
    ready.cart, ready.to_add = {"85123A": 1}, []
    shoppers.join(ready)
    assert demand.missing(shoppers, 10)["checkout"] == missing["checkout"] - 1


def test_a_mix_without_checkouts_wants_no_full_carts() -> None:
    browsing = [step for step in MIX if step.journey == "browse"]
    assert set(Demand.of(browsing, rate=60).missing(ShopperPool(most=1), 10)) == {LOOK}


def test_whoever_is_there_looks_around_busy_or_not() -> None:
    shoppers = ShopperPool(most=10)
    assert shoppers.anybody(DICE) is None
    shoppers.join(_shopper())
    assert shoppers.take("add", DICE) is shoppers.anybody(DICE)


def test_reads_without_a_session_carry_nothing_of_anybody() -> None:
    assert Operation("GET", "/api/products").headers() == {"User-Agent": "holdfast-load"}
