"""The rule of growing delays, with a fake clock (CORRECTNESS 7)."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from command_service.handlers.sign_in_attempts import (
    FORGOTTEN_AFTER_S,
    FREE_FAILURES,
    LONGEST_DELAY_S,
    MAX_COUNTERS,
    CounterKey,
    SignInAttempts,
    SignInDelayed,
    counter_key,
    delay_s,
)
from holdfast.resilience.clock import FakeClock

ADA = "ada@example.org"
HOME = counter_key(ADA, "192.0.2.1")
STRANGERS = counter_key(ADA, None)


def waits_s(attempts: SignInAttempts, key: CounterKey = STRANGERS) -> int:
    try:
        attempts.require_no_delay(key)
    except SignInDelayed as delayed:
        if not 1 <= delayed.retry_after_s <= 900:
            pytest.fail(f"Retry-After {delayed.retry_after_s}")
        return delayed.retry_after_s
    return 0


def test_the_delay_is_none_for_four_failures_then_doubles_from_1_s_to_900() -> None:
    assert [delay_s(failures) for failures in range(16)] == [0] * 5 + [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900]
    assert delay_s(10_000_000) == LONGEST_DELAY_S
    assert all(one <= other for one, other in pairwise(delay_s(failures) for failures in range(100)))


def test_the_fifth_wrong_password_delays_and_the_delay_ends_when_it_said() -> None:
    clock = FakeClock()
    attempts = SignInAttempts(clock=clock)
    for _ in range(FREE_FAILURES):
        assert waits_s(attempts) == 0
        attempts.failed(STRANGERS)
    assert waits_s(attempts) == 1
    clock.advance(1)
    assert waits_s(attempts) == 0
    for _ in range(5):
        attempts.failed(STRANGERS)
    assert waits_s(attempts) == 32
    clock.advance(31.5)
    assert waits_s(attempts) == 1
    clock.advance(0.5)
    assert waits_s(attempts) == 0


def test_a_guesser_has_14_guesses_in_the_first_17_minutes_and_then_4_an_hour() -> None:
    clock = FakeClock()
    attempts = SignInAttempts(clock=clock)

    def guesses_in(seconds: int) -> int:
        tried = 0
        for _ in range(seconds):
            while not waits_s(attempts):
                attempts.failed(STRANGERS)
                tried += 1
            clock.advance(1)
        return tried

    assert guesses_in(17 * 60) == 14
    assert guesses_in(86_400) <= 97


def test_a_success_starts_again_at_none() -> None:
    attempts = SignInAttempts(clock=FakeClock())
    for _ in range(20):
        attempts.failed(STRANGERS)
    attempts.succeeded(STRANGERS)
    attempts.succeeded(STRANGERS)
    assert waits_s(attempts) == 0
    assert len(attempts) == 0
    attempts.failed(STRANGERS)
    assert waits_s(attempts) == 0


def test_failures_are_forgotten_after_a_day_without_one() -> None:
    clock = FakeClock()
    attempts = SignInAttempts(clock=clock)
    for _ in range(20):
        attempts.failed(STRANGERS)
    clock.advance(FORGOTTEN_AFTER_S - 1)
    attempts.failed(STRANGERS)
    assert waits_s(attempts) == 900
    clock.advance(FORGOTTEN_AFTER_S)
    attempts.failed(STRANGERS)
    assert waits_s(attempts) == 0


def test_accounts_and_known_networks_have_counters_of_their_own() -> None:
    keys = {counter_key(email, network) for email in ("a@b.example", "a@c.example") for network in (None, "::/64", "x")}
    assert len(keys) == 6
    assert counter_key("a", "b") != counter_key("a\nb", None)
    assert {len(key) for key in keys} == {16}


def test_the_counter_with_the_oldest_failure_is_dropped_at_the_limit() -> None:
    attempts = SignInAttempts(clock=FakeClock(), max_counters=3)
    keys = [counter_key(f"{number}@example.org", None) for number in range(4)]
    for key in (*keys[:3], keys[0]):
        for _ in range(FREE_FAILURES):
            attempts.failed(key)
    attempts.failed(keys[3])
    assert len(attempts) == 3
    assert [waits_s(attempts, key) for key in keys] == [32, 0, 1, 0]


def test_a_flood_of_accounts_does_not_grow_the_memory_beyond_the_limit() -> None:
    attempts = SignInAttempts(clock=FakeClock())
    for number in range(MAX_COUNTERS + 500):
        attempts.failed(counter_key(f"{number}@example.org", None))
    assert len(attempts) == MAX_COUNTERS


_OTHERS = st.sampled_from(
    [STRANGERS, counter_key(ADA, "192.0.2.2"), counter_key("eve@example.org", None), counter_key("x", "192.0.2.1")]
)
_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("fail"), _OTHERS),
        st.tuples(st.just("succeed"), _OTHERS),
        st.tuples(st.just("wait"), st.floats(0, 2_000)),
    ),
    max_size=150,
)


@given(steps=_STEPS, own_failures=st.integers(0, FREE_FAILURES - 1))
def test_the_owner_from_a_known_network_is_never_delayed_by_the_failures_of_others(
    steps: list[tuple[str, object]], own_failures: int
) -> None:
    clock = FakeClock()
    attempts = SignInAttempts(clock=clock)
    for _ in range(own_failures):
        attempts.failed(HOME)
    for what, of in steps:
        if what == "wait":
            assert isinstance(of, float)
            clock.advance(of)
        elif what == "fail":
            attempts.failed(of)  # type: ignore[arg-type]
        else:
            attempts.succeeded(of)  # type: ignore[arg-type]
        assert waits_s(attempts, HOME) == 0


@given(failures=st.lists(st.floats(0, 3_000), min_size=1, max_size=40))
def test_retry_after_is_from_1_to_900_and_honest(failures: list[float]) -> None:
    clock = FakeClock()
    attempts = SignInAttempts(clock=clock)
    for pause_s in failures:
        attempts.failed(STRANGERS)
        clock.advance(pause_s)
        told_s = waits_s(attempts)
        assert 0 <= told_s <= 900
        if told_s:
            clock.advance(told_s - 1)
            assert waits_s(attempts) in (0, 1)
            clock.advance(1)
            assert waits_s(attempts) == 0


def test_what_is_refused_is_said_without_naming_the_account() -> None:
    attempts = SignInAttempts(clock=FakeClock())
    for _ in range(7):
        attempts.failed(STRANGERS)
    with pytest.raises(SignInDelayed) as caught:
        attempts.require_no_delay(STRANGERS)
    assert str(caught.value) == "too many wrong passwords, try again in 4 s"
