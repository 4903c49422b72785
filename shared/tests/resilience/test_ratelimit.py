"""Token buckets, one a caller, in bounded memory."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.resilience.clock import FakeClock
from holdfast.resilience.errors import RateLimited
from holdfast.resilience.ratelimit import RateLimiter
from holdfast.resilience.settings import RateSettings


def test_a_burst_passes_then_the_rate() -> None:
    clock = FakeClock()
    limiter = RateLimiter(RateSettings(per_s=10, burst=3), clock=clock)
    assert [limiter.take("a").allowed for _ in range(4)] == [True, True, True, False]
    clock.advance(0.1)
    assert limiter.take("a").allowed
    assert not limiter.take("a").allowed


def test_one_callers_flood_leaves_the_others_their_quota() -> None:
    limiter = RateLimiter(RateSettings(per_s=1, burst=2), clock=FakeClock())
    for _ in range(100):
        limiter.take("flood")
    assert limiter.take("other").allowed


def test_a_decision_says_what_the_headers_say() -> None:
    limiter = RateLimiter(RateSettings(per_s=2, burst=4), clock=FakeClock())
    assert limiter.window_s == 2
    first = limiter.take("a")
    assert (first.allowed, first.limit, first.remaining, first.reset_s, first.retry_after_s) == (True, 4, 3, 1, 0)
    first.require()
    for _ in range(3):
        limiter.take("a")
    refused = limiter.take("a")
    assert (refused.allowed, refused.remaining, refused.reset_s, refused.retry_after_s) == (False, 0, 2, 1)
    with pytest.raises(RateLimited) as caught:
        refused.require()
    assert (caught.value.retry_after_s, caught.value.limit, caught.value.reset_s) == (1, 4, 2)


def test_retry_after_is_at_most_five_seconds() -> None:
    limiter = RateLimiter(RateSettings(per_s=0.01, burst=1), clock=FakeClock())
    limiter.take("a")
    assert limiter.take("a").retry_after_s == 5


def test_full_buckets_are_dropped() -> None:
    clock = FakeClock()
    limiter = RateLimiter(RateSettings(per_s=10, burst=5), clock=clock)
    for number in range(100):
        limiter.take(str(number))
    assert len(limiter) == 100
    clock.advance(10)
    for _ in range(60):
        limiter.take("last")
    assert len(limiter) == 1


def test_a_flood_of_keys_stays_within_the_bound_and_the_oldest_go() -> None:
    limiter = RateLimiter(RateSettings(per_s=1, burst=2, max_keys=50), clock=FakeClock())
    for number in range(500):
        limiter.take(str(number))
        assert len(limiter) <= 50
    assert limiter.take("499").remaining == 0  # still known
    assert limiter.take("1").remaining == 1  # forgotten, and new


def test_who_keeps_calling_is_not_forgotten_for_who_calls_once() -> None:
    limiter = RateLimiter(RateSettings(per_s=1, burst=200, max_keys=10), clock=FakeClock())
    for number in range(100):
        limiter.take(str(number))
        assert limiter.take("regular").remaining == 199 - number


def test_a_limiter_without_rate_left_to_remember_forgets_all() -> None:
    clock = FakeClock()
    limiter = RateLimiter(RateSettings(per_s=10, burst=5, max_keys=0), clock=clock)
    assert limiter.take("a").allowed
    assert len(limiter) == 0


@given(st.lists(st.floats(0, 3), max_size=80))
def test_no_more_pass_than_burst_and_rate_allow(pauses: list[float]) -> None:
    clock = FakeClock(0)
    limiter = RateLimiter(RateSettings(per_s=2, burst=5), clock=clock)
    passed = 0
    for pause in pauses:
        clock.advance(pause)
        decision = limiter.take("a")
        passed += decision.allowed
        assert 0 <= decision.remaining <= 5
        assert passed <= 5 + 2 * clock.now() + 1e-6


def test_an_allowed_call_takes_three_refusals_back() -> None:
    clock = FakeClock()
    limiter = RateLimiter(RateSettings(per_s=1, burst=1), clock=clock)
    refusals = [limiter.take("a").refusals for _ in range(6)]
    assert refusals == [0, 1, 2, 3, 4, 5]
    clock.advance(1)
    assert limiter.take("a").refusals == 2
    assert limiter.take("a").refusals == 3
    for _ in range(500):
        refused = limiter.take("a")
    assert refused.refusals == 100
