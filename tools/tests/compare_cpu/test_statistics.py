"""The interval holds what it says, and the verdict follows from it."""

import math
from itertools import islice
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast_tools.compare_cpu.statistics import (
    MIN_ROUNDS,
    Ratio,
    Verdict,
    exit_code,
    narrow_enough,
    order,
    ratio,
    verdict,
)

PASS, FAIL, INCONCLUSIVE = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE


def test_the_rounds_are_in_the_order_a_b_b_a() -> None:
    assert list(islice(order(), 4)) == [(0, 1), (1, 0), (0, 1), (1, 0)]


def drawn(random: Random, count: int, true: float = 1.0, noise: float = 0.03) -> list[tuple[float, float]]:
    return [
        (level * math.exp(random.gauss(0, noise)), true * level * math.exp(random.gauss(0, noise)))
        for level in (random.uniform(5, 8) for _ in range(count))
    ]


@pytest.mark.parametrize("count", [6, 10])
def test_nineteen_intervals_of_twenty_hold_the_true_ratio(count: int) -> None:
    random, trials = Random(4), 600
    intervals = [ratio(drawn(random, count, 1.04), trial, resamples=1000) for trial in range(trials)]
    covered = sum(one.low <= 1.04 <= one.high for one in intervals)
    assert 0.92 <= covered / trials <= 0.97


def test_pairs_that_met_the_same_drift_give_a_narrow_interval() -> None:
    pairs = [(level, 1.02 * level) for level in (5.0, 6.0, 7.0, 8.0, 9.0, 10.0)]
    found = ratio(pairs, 1)
    assert (found.low, found.value, found.high) == pytest.approx((1.02, 1.02, 1.02))


def test_the_ratio_of_the_commits_in_the_other_order_is_its_reciprocal() -> None:
    pairs = drawn(Random(7), 8, 1.3)
    there, back = ratio(pairs, 1), ratio([(new, old) for old, new in pairs], 1)
    assert back.value == pytest.approx(1 / there.value)


def test_the_same_seed_gives_the_same_interval_and_another_one_does_not() -> None:
    pairs = drawn(Random(7), 12)
    assert ratio(pairs, (1, "search")) == ratio(pairs, (1, "search"))
    assert ratio(pairs, (1, "search")) != ratio(pairs, (2, "search"))


@given(st.lists(st.tuples(st.floats(0.01, 100), st.floats(0.01, 100)), min_size=2, max_size=12))
def test_the_ratio_lies_in_its_interval_and_in_the_range_of_the_pairs(pairs: list[tuple[float, float]]) -> None:
    found = ratio(pairs, 1, resamples=1000)
    each = [new / old for old, new in pairs]
    near = 1 + 1e-9
    assert found.low <= found.value * near
    assert found.value <= found.high * near
    assert min(each) <= found.value * near
    assert found.value <= max(each) * near


@pytest.mark.parametrize(
    ("low", "high", "rounds", "expected"),
    [
        (0.99, 1.049, 6, PASS),
        (0.80, 0.90, 6, PASS),
        (0.99, 1.05, 6, INCONCLUSIVE),
        (1.05, 1.10, 6, INCONCLUSIVE),
        (0.90, 1.20, 6, INCONCLUSIVE),
        (1.051, 1.10, 6, FAIL),
        (0.99, 1.01, MIN_ROUNDS - 1, INCONCLUSIVE),
        (1.20, 1.30, MIN_ROUNDS - 1, INCONCLUSIVE),
    ],
)
def test_the_whole_interval_decides(low: float, high: float, rounds: int, expected: Verdict) -> None:
    assert verdict(Ratio((low + high) / 2, low, high, rounds), 1.05) is expected


def test_rounds_go_on_until_the_half_width_is_under_half_of_the_margin() -> None:
    assert narrow_enough(Ratio(1.0, 0.976, 1.024, 6), 1.05)
    assert not narrow_enough(Ratio(1.0, 0.974, 1.026, 6), 1.05)
    assert not narrow_enough(Ratio(1.0, 0.999, 1.001, 5), 1.05)


@pytest.mark.parametrize(
    ("verdicts", "code"),
    [
        ([PASS, PASS], 0),
        ([PASS, FAIL, INCONCLUSIVE], 1),
        ([PASS, INCONCLUSIVE], 2),
        ([], 2),
    ],
)
def test_the_exit_code_tells_the_worst(verdicts: list[Verdict], code: int) -> None:
    assert exit_code(verdicts) == code
