"""Rolling counts against a naive model, and percentiles."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.resilience.clock import FakeClock
from holdfast.resilience.outcome import Outcome
from holdfast.resilience.settings import BreakerSettings
from holdfast.resilience.tally import Tally
from holdfast.resilience.window import Latencies, RollingCount

TEN_SECONDS = BreakerSettings(window_s=10, window_buckets=10)
COUNTED = [Outcome.SUCCESS, Outcome.SLOW, Outcome.FAILURE]
steps = st.lists(st.tuples(st.floats(0, 4), st.booleans()), max_size=60)


@given(steps)
def test_a_rolling_count_agrees_with_counting_by_hand(steps: list[tuple[float, bool]]) -> None:
    clock = FakeClock(0)
    count = RollingCount(10, 10, clock)
    added: list[int] = []  # the whole second of each
    for seconds, add in steps:
        clock.advance(seconds)
        if add:
            count.add()
            added.append(int(clock.now()))
        assert count.total == sum(int(clock.now()) - second < 10 for second in added)


def test_a_bucket_that_is_over_only_by_the_rounding_of_floats_goes_on() -> None:
    assert (6 * 0.35) // 0.35 == 5
    clock = FakeClock(0)
    count = RollingCount(0.7, 2, clock)
    for seconds in (4.5 * 0.35, 5.5 * 0.35, 6 * 0.35):
        clock.advance(seconds - clock.now())
        count.add()
    assert clock.now() == 6 * 0.35
    assert count.total == 3


@given(st.lists(st.tuples(st.floats(0, 4), st.sampled_from(COUNTED)), max_size=60))
def test_the_rates_agree_with_counting_by_hand(steps: list[tuple[float, Outcome]]) -> None:
    clock = FakeClock(0)
    tally = Tally(TEN_SECONDS, clock)
    seen: list[tuple[int, Outcome]] = []
    for seconds, outcome in steps:
        clock.advance(seconds)
        tally.record(outcome)
        seen.append((int(clock.now()), outcome))
        live = [outcome for second, outcome in seen if int(clock.now()) - second < 10]
        assert tally.calls == len(live)
        assert tally.error_rate == pytest.approx(live.count(Outcome.FAILURE) / len(live))
        assert tally.bad_rate == pytest.approx(1 - live.count(Outcome.SUCCESS) / len(live))


def test_an_empty_window_has_no_errors() -> None:
    clock = FakeClock()
    tally = Tally(TEN_SECONDS, clock)
    assert tally.error_rate == 0.0
    tally.record(Outcome.FAILURE)
    assert tally.error_rate == 1.0
    tally.clear()
    assert tally.error_rate == 0.0
    tally.record(Outcome.FAILURE)
    clock.advance(11)
    assert tally.error_rate == 0.0


def test_percentiles_are_nearest_rank_over_the_last_calls() -> None:
    latencies = Latencies(size=100)
    assert latencies.percentile_ms(0.99) is None
    for ms in range(1, 201):
        latencies.record(ms / 1000)
    assert latencies.percentile_ms(0.99) == 199
    assert latencies.percentile_ms(0.5) == 150
    assert latencies.percentile_ms(0) == 101
    assert latencies.percentile_ms(1) == 200
