"""The search for the highest rate that is served well."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gameday.workload.capacity import LATE_MS, P99_MS, Probe, best, highest_good, lasting
from holdfast_tools.command_line import UserError


def _probe(rate: float, good: bool) -> Probe:
    return Probe(rate, 1000, good_share=1.0 if good else 0.9, p99_ms=20, lag_p99_ms=1)


@given(capacity=st.floats(50, 2_000))
def test_it_is_found_within_a_tenth_and_never_overstated(capacity: float) -> None:
    found = best(highest_good(lambda rate: _probe(rate, rate <= capacity), 40, lambda: True))
    assert 0.9 * capacity <= found.rate <= capacity


def test_one_bad_probe_is_a_hiccup() -> None:
    tried: dict[float, int] = {}

    def probe(rate: float) -> Probe:
        tried[rate] = tried.get(rate, 0) + 1
        return _probe(rate, rate <= 200 and tried[rate] > 1)

    assert best(highest_good(probe, 40, lambda: True)).rate > 180


def test_no_more_is_tried_than_there_is_time_for() -> None:
    time_left = iter([True, True, False, False])
    probes = highest_good(lambda rate: _probe(rate, True), 40, lambda: next(time_left))
    assert [round(made.rate) for made in probes] == [40, 60, 90]


@pytest.mark.parametrize(
    ("lasts", "tried"), [(300, [200]), (190, [200, 180]), (170, [200, 180, 162]), (1, [200, 180, 162, 146, 131])]
)
def test_a_rate_that_does_not_last_is_lowered_until_one_does(lasts: float, tried: list[int]) -> None:
    probes = lasting(lambda rate: _probe(rate, rate <= lasts), 200)
    assert [round(made.rate) for made in probes] == tried
    assert probes[-1].good == (lasts > 1)


def test_a_shop_that_serves_nothing_has_no_capacity() -> None:
    with pytest.raises(UserError, match="not healthy"):
        best(highest_good(lambda rate: _probe(rate, False), 40, lambda: False))


@pytest.mark.parametrize(
    "bad",
    [
        Probe(40, 100, good_share=0.98, p99_ms=1, lag_p99_ms=1),
        Probe(40, 100, good_share=1, p99_ms=P99_MS + 1, lag_p99_ms=1),
        Probe(40, 100, good_share=1, p99_ms=1, lag_p99_ms=LATE_MS + 1),
    ],
)
def test_failures_slowness_and_a_late_generator_are_each_too_much(bad: Probe) -> None:
    assert not bad.good
    assert "too much" in str(bad)
