from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from command_service.domain.events import (
    PriceChanged,
    ProductCreated,
    ProductDiscontinued,
    ProductEvent,
    ProductRelisted,
    StockAdjusted,
    StockReleased,
    StockReserved,
)
from command_service.domain.product import (
    AdjustStock,
    ChangePrice,
    Command,
    Create,
    Discontinue,
    Discontinued,
    Listed,
    NoProduct,
    Product,
    Relist,
    decide,
    evolve,
    release,
    reserve,
)
from command_service.domain.refusals import (
    ProductExists,
    ProductIsDiscontinued,
    ProductUnknown,
    StockAboveLimit,
    StockWouldBeNegative,
)
from command_service.domain.values import MAX_AVAILABLE, BrokenHistory, ProductId
from command_service.testing.strategies import ORDER, listed, product_commands

MUG = ProductId("mug")
LISTED = Listed("A mug", "Blue", "Kitchen", 250, "GBP", 10)
GONE = Discontinued(LISTED)
CREATE = Create("A mug", "Blue", "Kitchen", 250, "GBP", 10)
CREATED = ProductCreated("A mug", "Blue", "Kitchen", 250, "GBP", 10)


def test_a_product_is_created_once() -> None:
    assert decide(CREATE, NoProduct()) == (CREATED,)
    assert evolve(NoProduct(), CREATED) == LISTED
    assert decide(CREATE, LISTED) == ProductExists()
    assert decide(CREATE, GONE) == ProductExists()


@pytest.mark.parametrize("command", [ChangePrice(MUG, 1), AdjustStock(MUG, 1, "found"), Discontinue(MUG)])
def test_what_does_not_exist_is_unknown(command: Command) -> None:
    assert decide(command, NoProduct()) == ProductUnknown(MUG)


@pytest.mark.parametrize("command", [ChangePrice(MUG, 1), AdjustStock(MUG, 1, "found")])
def test_a_discontinued_product_is_not_changed(command: Command) -> None:
    assert decide(command, GONE) == ProductIsDiscontinued(MUG)


def test_a_price_is_changed_and_the_same_price_again_is_not() -> None:
    assert decide(ChangePrice(MUG, 300), LISTED) == (PriceChanged(300, "GBP"),)
    assert decide(ChangePrice(MUG, 250), LISTED) == ()
    assert evolve(LISTED, PriceChanged(300, "GBP")) == Listed("A mug", "Blue", "Kitchen", 300, "GBP", 10)


def test_stock_is_taken_to_the_last_piece_and_not_one_more() -> None:
    assert decide(AdjustStock(MUG, -10, "broken"), LISTED) == (StockAdjusted(-10, 0, "broken"),)
    assert decide(AdjustStock(MUG, -11, "broken"), LISTED) == StockWouldBeNegative(10, -11)


def test_stock_is_added_up_to_the_limit() -> None:
    room = MAX_AVAILABLE - 10
    assert decide(AdjustStock(MUG, room, "found"), LISTED) == (StockAdjusted(room, MAX_AVAILABLE, "found"),)
    assert decide(AdjustStock(MUG, room + 1, "found"), LISTED) == StockAboveLimit(10, room + 1, MAX_AVAILABLE)


def test_stock_that_releases_raised_above_the_limit_can_be_lowered() -> None:
    above = Listed("A mug", "", "Kitchen", 250, "GBP", MAX_AVAILABLE + 5)
    assert decide(AdjustStock(MUG, -1, "counted"), above) == (StockAdjusted(-1, MAX_AVAILABLE + 4, "counted"),)


def test_an_adjustment_by_nothing_changes_nothing() -> None:
    assert decide(AdjustStock(MUG, 0, "counted"), LISTED) == ()


def test_a_product_is_discontinued_once() -> None:
    assert decide(Discontinue(MUG), LISTED) == (ProductDiscontinued(),)
    assert evolve(LISTED, ProductDiscontinued()) == GONE
    assert decide(Discontinue(MUG), GONE) == ()


def test_released_stock_comes_back_to_a_discontinued_product() -> None:
    assert release(GONE, ORDER, 3) == StockReleased(ORDER, 3, 13)
    assert evolve(GONE, StockReleased(ORDER, 3, 13)) == Discontinued(Listed("A mug", "Blue", "Kitchen", 250, "GBP", 13))


@pytest.mark.parametrize(
    ("state", "event"),
    [
        (NoProduct(), PriceChanged(1, "GBP")),
        (LISTED, CREATED),
        (GONE, StockReserved(ORDER, 1, 9)),
    ],
)
def test_an_event_that_cannot_follow_is_a_broken_history(state: Product, event: ProductEvent) -> None:
    with pytest.raises(BrokenHistory, match=type(event).__name__):
        evolve(state, event)


@given(listed, st.integers(1, 100_000))
def test_reserving_and_releasing_gives_the_stock_back(state: Listed, quantity: int) -> None:
    reserved = reserve(state, ORDER, quantity)
    if reserved is None:
        assert quantity > state.available
        return
    between = evolve(state, reserved)
    assert isinstance(between, Listed)
    assert between.available == state.available - quantity >= 0
    assert evolve(between, release(between, ORDER, quantity)) == state


Step = tuple[str, int] | Command


@given(st.lists(st.one_of(product_commands, st.tuples(st.just("reserve"), st.integers(1, 30))), max_size=40))
def test_stock_is_never_negative_and_equals_what_came_less_what_went(steps: list[Step]) -> None:
    state: Product = NoProduct()
    expected = 0
    reserved: list[int] = []
    for step in steps:
        events: tuple[ProductEvent, ...] = ()
        if isinstance(step, tuple):
            taken = reserve(state, ORDER, step[1]) if isinstance(state, Listed) else None
            if taken:
                events, expected = (taken,), expected - step[1]
                reserved.append(step[1])
            elif reserved and not isinstance(state, NoProduct):
                back = reserved.pop()
                events, expected = (release(state, ORDER, back),), expected + back
        else:
            decision = decide(step, state)
            events = decision if isinstance(decision, tuple) else ()
            expected += sum(event.delta for event in events if isinstance(event, StockAdjusted))
            expected += sum(event.available for event in events if isinstance(event, ProductCreated))
        for event in events:
            state = evolve(state, event)
        assert _available(state) == expected >= 0


def _available(state: Product) -> int:
    match state:
        case NoProduct():
            return 0
        case Listed():
            return state.available
        case Discontinued(last):
            return last.available


def test_a_discontinued_product_can_be_sold_again_with_the_stock_that_came_back() -> None:
    gone = evolve(evolve(LISTED, ProductDiscontinued()), StockReleased(ORDER, 2, LISTED.available + 2))
    assert decide(Relist(MUG), gone) == (ProductRelisted(),)
    assert evolve(gone, ProductRelisted()) == replace(LISTED, available=LISTED.available + 2)


def test_relisting_what_is_sold_does_nothing_and_what_is_unknown_is_refused() -> None:
    assert decide(Relist(MUG), LISTED) == ()
    assert decide(Relist(MUG), NoProduct()) == ProductUnknown(MUG)
    with pytest.raises(BrokenHistory):
        evolve(LISTED, ProductRelisted())
    with pytest.raises(BrokenHistory):
        evolve(GONE, PriceChanged(1, "GBP"))
