"""Exact bounds of a share, against the definition of Clopper and Pearson."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gameday.verdict.binomial import Shown, at_least, at_most, at_most_so_many, decide

samples = st.integers(1, 80).flatmap(lambda total: st.tuples(st.integers(0, total), st.just(total)))


def exact(misses: range, total: int, chance: float) -> float:
    return sum(math.comb(total, count) * chance**count * (1 - chance) ** (total - count) for count in misses)


@given(samples, st.floats(0.01, 0.99))
def test_the_chance_of_so_many_misses_is_the_binomial_one(sample: tuple[int, int], chance: float) -> None:
    misses, total = sample
    assert at_most_so_many(misses, total, chance) == pytest.approx(exact(range(misses + 1), total, chance), abs=1e-9)


@given(samples)
def test_at_a_bound_so_good_or_so_bad_a_sample_comes_once_in_twenty(sample: tuple[int, int]) -> None:
    good, total = sample
    if good > 0:
        assert exact(range(total - good + 1), total, 1 - at_least(good, total)) == pytest.approx(0.05, abs=1e-6)
    if good < total:
        assert exact(range(total - good, total + 1), total, 1 - at_most(good, total)) == pytest.approx(0.05, abs=1e-6)


def test_nothing_seen_shows_nothing() -> None:
    assert (at_least(0, 0), at_most(0, 0)) == (0.0, 1.0)
    assert decide(0, 0, 0.995).missing == 598


@pytest.mark.parametrize(
    ("good", "total", "shown"),
    [
        (598, 598, Shown.SHOWN), (597, 597, Shown.OPEN), (946, 947, Shown.SHOWN), (945, 946, Shown.OPEN),
        (1256, 1258, Shown.SHOWN), (990, 1000, Shown.REFUTED), (991, 1000, Shown.OPEN), (0, 1, Shown.REFUTED),
        (19_950, 20_000, Shown.SHOWN), (19_850, 20_000, Shown.REFUTED),
    ],
)  # fmt: skip
def test_a_bar_of_995_per_mille(good: int, total: int, shown: Shown) -> None:
    assert decide(good, total, 0.995).shown is shown


@given(samples, st.sampled_from([0.7, 0.9, 0.95, 0.99]))
def test_what_is_missing_is_the_least_that_shows_it(sample: tuple[int, int], share: float) -> None:
    good, total = sample
    decision = decide(good, total, share)
    if decision.shown is Shown.OPEN:
        missing = decision.missing
        assert decide(good + missing, total + missing, share).shown is Shown.SHOWN
        assert decide(good + missing - 1, total + missing - 1, share).shown is Shown.OPEN
    else:
        assert decision.missing == 0
