"""The retry budget and the pause before a repeat."""

from hypothesis import example, given
from hypothesis import strategies as st

from holdfast.resilience.clock import FakeClock
from holdfast.resilience.retry import RetryBudget, backoff_s
from holdfast.resilience.settings import RetrySettings


def test_a_quiet_process_may_repeat_once_a_second() -> None:
    budget = RetryBudget(clock=FakeClock())
    assert [budget.withdraw() for _ in range(11)] == [True] * 10 + [False]


def test_a_busy_process_may_repeat_a_tenth_of_its_requests() -> None:
    budget = RetryBudget(RetrySettings(floor_per_s=0), clock=FakeClock())
    assert not budget.withdraw()
    for _ in range(9):
        budget.deposit()
    assert not budget.withdraw()
    budget.deposit()
    assert budget.withdraw()
    assert not budget.withdraw()


def test_requests_and_repeats_are_forgotten_after_the_ttl() -> None:
    clock = FakeClock(0)
    budget = RetryBudget(RetrySettings(floor_per_s=0), clock=clock)
    for _ in range(20):
        budget.deposit()
    assert budget.withdraw()
    clock.advance(11)
    assert not budget.withdraw()
    for _ in range(10):
        budget.deposit()
    assert budget.withdraw()


@given(st.lists(st.tuples(st.floats(0, 2), st.sampled_from(["request", "repeat"]), st.integers(1, 30)), max_size=80))
@example([(0.95, "repeat", 10), (9.05, "repeat", 10)])
def test_in_no_ten_seconds_are_there_more_repeats_than_floor_and_share(steps: list[tuple[float, str, int]]) -> None:
    clock = FakeClock(0)
    budget = RetryBudget(clock=clock)
    requests: list[float] = []
    repeats: list[float] = []
    for seconds, what, times in steps:
        clock.advance(seconds)
        now = clock.now()
        for _ in range(times):
            if what == "request":
                budget.deposit()
                requests.append(now)
            elif budget.withdraw():
                repeats.append(now)
                allowed = 10 + 0.1 * sum(now - then < 10 for then in requests)
                assert sum(now - then < 10 for then in repeats) <= allowed + 1e-9


@given(st.lists(st.tuples(st.floats(0, 2), st.integers(0, 20)), max_size=40))
def test_what_was_not_used_for_longer_than_the_ttl_is_granted(steps: list[tuple[float, int]]) -> None:
    clock = FakeClock(0)
    budget = RetryBudget(clock=clock)
    for seconds, times in steps:
        clock.advance(seconds)
        for _ in range(times):
            budget.withdraw()
    clock.advance(11.01)
    assert [budget.withdraw() for _ in range(11)] == [True] * 10 + [False]


@given(st.floats(0, 1, exclude_max=True))
def test_the_pause_lies_between_its_bounds(chance: float) -> None:
    assert 0.025 <= backoff_s(RetrySettings(), lambda: chance) <= 0.1


def test_the_pause_is_spread_over_the_whole_range() -> None:
    assert backoff_s(RetrySettings(), lambda: 0.0) == 0.025
    assert backoff_s(RetrySettings()) != backoff_s(RetrySettings())
