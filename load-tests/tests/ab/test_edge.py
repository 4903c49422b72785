"""The search for the edge, on shops that are made up."""

from dataclasses import replace

import pytest

from gameday.ab.edge import BEYOND, MOST, SHARES, Edge, Step, find
from gameday.ab.measures import Measured

CAPACITY = 200.0
UP = Measured(
    quiet=1.0,
    during=0.5,
    last=1.0,
    recovery_s=3,
    unrelated=1.0,
    unrelated_p99_ms=20,
    attempts=1.0,
    offered=100,
    goodput=100,
)
DOWN = replace(UP, last=0.0, recovery_s=None)


def search(collapses_at: float, overloaded_at: float = 1.0) -> tuple[Edge, list[Step]]:
    """A shop that stays down from one share of the capacity on, and is overloaded from another."""
    told: list[Step] = []

    def attempt(rate: float) -> Measured:
        share = rate / CAPACITY + 1e-9
        if share >= overloaded_at:
            return replace(DOWN, quiet=0.5)
        return DOWN if share >= collapses_at else UP

    return find(CAPACITY, attempt, told.append), told


def test_the_lowest_load_that_collapses_is_found_and_no_higher_one_is_tried() -> None:
    edge, told = search(0.4)
    assert [step.share for step in told] == [0.3, 0.4]
    assert edge.steps == tuple(told)
    assert edge.rate == pytest.approx(BEYOND * 0.4 * CAPACITY)


def test_the_comparison_stays_at_what_the_protected_shop_can_carry() -> None:
    edge, _ = search(0.6)
    assert edge.rate == pytest.approx(MOST * CAPACITY)
    edge, _ = search(0.9)
    assert edge.rate == pytest.approx(0.9 * CAPACITY)


def test_a_shop_that_always_heals_has_no_edge() -> None:
    edge, told = search(2.0)
    assert edge.rate is None
    assert [step.share for step in told] == list(SHARES)


def test_an_overloaded_shop_ends_the_search_without_an_edge() -> None:
    edge, told = search(2.0, overloaded_at=0.6)
    assert edge.rate is None
    assert told[-1].overloaded
    assert not told[-1].collapsed
    assert len(told) == 4


def test_neither_down_nor_back_is_no_collapse() -> None:
    step = Step(0.5, 100, replace(DOWN, last=0.2))
    assert not step.collapsed
    assert "neither down nor back, 20% good at the end" in str(step)


@pytest.mark.parametrize(
    ("measured", "says"),
    [
        (UP, "100 a second (50% of the capacity): heals 3 s after the trigger"),
        (DOWN, "stays down, 0% good at the end"),
        (replace(DOWN, quiet=0.9), "only 90% good before the trigger: too much load"),
    ],
)
def test_a_step_says_what_was_seen(measured: Measured, says: str) -> None:
    assert says in str(Step(0.5, 100, measured))
