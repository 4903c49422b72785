"""The plan: the same for the same seed, Poisson, and in the mix that was asked for."""

import itertools
import math
import statistics
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gameday.workload.mix import JOURNEYS, MIX, WrongMix, parse, percents
from gameday.workload.schedule import poisson


@given(rate=st.floats(1, 200), seconds=st.floats(1, 20), seed=st.integers(0, 2**53))
@settings(max_examples=30)
def test_one_seed_is_one_plan_within_its_time(rate: float, seconds: float, seed: int) -> None:
    plan = poisson(rate, seconds, seed, MIX)
    assert plan == poisson(rate, seconds, seed, MIX)
    assert all(0 < arrival.at_s < seconds for arrival in plan)
    assert [arrival.at_s for arrival in plan] == sorted(arrival.at_s for arrival in plan)


def test_another_seed_is_another_plan() -> None:
    assert poisson(50, 10, 1, MIX) != poisson(50, 10, 2, MIX)


def test_arrivals_are_poisson() -> None:
    """Gaps are exponential: as large a deviation as mean, the right share below each quantile; counts vary as much."""
    plan = poisson(100, 600, 3, MIX)
    gaps = [later.at_s - earlier.at_s for earlier, later in itertools.pairwise(plan)]
    assert statistics.mean(gaps) == pytest.approx(0.01, rel=0.02)
    assert statistics.stdev(gaps) == pytest.approx(statistics.mean(gaps), rel=0.02)
    for share in (0.1, 0.5, 0.9, 0.99):
        below = sum(gap < -math.log(1 - share) / 100 for gap in gaps) / len(gaps)
        assert below == pytest.approx(share, abs=0.01)
    a_second = Counter(int(arrival.at_s) for arrival in plan)
    assert statistics.variance(a_second.values()) == pytest.approx(100, rel=0.2)


def test_the_mix_is_kept() -> None:
    plan = poisson(100, 300, 5, MIX)
    came = Counter(arrival.step for arrival in plan)
    for step in MIX:
        expected = len(plan) * step.percent / 100
        assert came[step] == pytest.approx(expected, abs=4 * math.sqrt(expected)), step


def test_judged_journeys_come_often_enough_at_60_a_second() -> None:
    per_s = {journey: 0.6 * percent for journey, percent in percents(MIX).items()}
    assert sum(percents(MIX).values()) == pytest.approx(100)
    assert min(per_s["browse"], per_s["cart"]) >= 12
    assert min(per_s["checkout"], per_s["orders"]) >= 4
    assert per_s["cancel"] >= 3


def test_a_mix_of_ones_own_keeps_the_shares_within_a_journey() -> None:
    mix = parse("browse=30, cart=10")
    assert percents(mix) == {"browse": 75, "cart": 25}
    by_call = {step.call: step.percent for step in mix}
    assert by_call["product"] / by_call["list"] == pytest.approx(23 / 8)


def test_no_mix_given_is_the_usual_one() -> None:
    assert parse("") is MIX
    assert tuple(percents(MIX)) == JOURNEYS


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("shopping=3", "no journey 'shopping'"),
        ("browse", "no number"),
        ("browse=-1", "from 0 to"),
        ("browse=nan", "from 0 to"),
        ("browse=0,cart=0", "a share above 0"),
    ],
)
def test_a_wrong_mix_is_refused(text: str, said: str) -> None:
    with pytest.raises(WrongMix, match=said):
        parse(text)
