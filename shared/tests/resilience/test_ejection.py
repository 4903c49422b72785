"""Ejecting a replica is one thing, closing a service another: what calls alone can never do."""

import random

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from holdfast.resilience.addresses import Addresses, DnsName
from holdfast.resilience.clock import FakeClock
from holdfast.resilience.errors import DependencyUnavailable
from holdfast.resilience.outcome import Outcome
from holdfast.resilience.replicas import Replica, Replicas
from holdfast.resilience.settings import BreakerSettings, ProbeSettings

NAME = DnsName("query", 8080)


def make(count: int, clock: FakeClock | None = None, settings: BreakerSettings | None = None) -> Replicas:
    urls = tuple(f"http://10.0.0.{number}:1" for number in range(count))
    rng = random.Random(3)
    breaker = settings or BreakerSettings()
    return Replicas("query", Addresses(urls, ()), breaker, ProbeSettings(), clock=clock or FakeClock(), rng=rng)


def fail(replica: Replica, times: int = 7) -> None:
    for _ in range(times):
        replica.breaker.acquire().failure()


def lose(replica: Replica) -> None:
    for _ in range(3):
        replica.probe_missed()


def states(replicas: Replicas) -> list[str]:
    return [replica.breaker.state for replica in replicas.current()]


@pytest.mark.parametrize(("count", "ejected"), [(1, 0), (2, 1), (3, 1), (4, 2), (5, 2)])
def test_calls_eject_half_of_the_replicas_rounded_down_and_no_more(count: int, ejected: int) -> None:
    replicas = make(count)
    for _ in range(5):
        for replica in replicas.current():
            if replica.breaker.admits:
                fail(replica)
    assert states(replicas).count("open") == ejected
    replicas.require()
    assert len({replicas.pick().name for _ in range(200)}) == count - ejected


def test_one_that_may_not_be_ejected_yet_is_when_another_is_back() -> None:
    clock = FakeClock()
    replicas = make(2, clock)
    one, two = replicas.current()
    fail(one)
    fail(two, 100)
    assert states(replicas) == ["open", "closed"]
    clock.advance(1.3)
    one.probe_answered(0.01)
    for _ in range(3):
        one.breaker.acquire().success()
    assert states(replicas) == ["closed", "closed"]
    fail(two, 1)
    assert states(replicas) == ["closed", "open"]


def test_one_on_trial_counts_as_ejected() -> None:
    clock = FakeClock()
    replicas = make(2, clock)
    one, two = replicas.current()
    fail(one)
    clock.advance(1.3)
    one.probe_answered(0.01)
    assert one.breaker.state == "half-open"
    fail(two, 50)
    assert two.breaker.state == "closed"
    one.breaker.acquire().failure()
    assert states(replicas) == ["open", "closed"]


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_all_lost_is_refused_at_once_until_one_answers(count: int) -> None:
    replicas = make(count)
    for replica in replicas.current():
        replicas.require()
        lose(replica)
    with pytest.raises(DependencyUnavailable) as caught:
        replicas.require()
    assert (caught.value.reason, caught.value.dependency) == ("breaker-open", "query")
    first = replicas.current()[-1]
    first.probe_answered(0.01)
    assert {replicas.pick() for _ in range(50)} == {first}


def test_one_lost_of_many_is_back_after_its_time_and_a_trial() -> None:
    clock = FakeClock()
    replicas = make(2, clock)
    one, _ = replicas.current()
    lose(one)
    one.probe_answered(0.01)
    assert states(replicas) == ["open", "closed"]
    clock.advance(1.3)
    one.probe_answered(0.01)
    assert states(replicas) == ["half-open", "closed"]


def test_of_those_that_answer_probes_half_stay_also_when_another_is_lost() -> None:
    replicas = make(2)
    one, two = replicas.current()
    fail(one)
    lose(two)
    assert states(replicas) == ["closed", "open"]
    fail(one, 100)
    assert states(replicas) == ["closed", "open"]


def test_fewer_replicas_of_a_name_put_one_back() -> None:
    replicas = make(0)
    urls = tuple(f"http://10.0.0.{number}:8080" for number in range(4))
    replicas.update(NAME, urls)
    for replica in replicas.current()[:2]:
        fail(replica)
    assert states(replicas) == ["open", "open", "closed", "closed"]
    replicas.update(NAME, urls[:2])
    assert sorted(states(replicas)) == ["closed", "open"]


def test_where_nobody_probes_nothing_is_lost() -> None:
    replicas = make(2)
    for replica in replicas.current():
        lose(replica)
    for replica in replicas.current():
        replica.forget_probes()
    replicas.require()
    assert "closed" in states(replicas)


STEPS = st.lists(
    st.tuples(
        st.integers(0, 4),
        st.sampled_from(["failed", "slow", "well", "neutral", "missed", "answered", "forgotten", "later"]),
        st.integers(1, 8),
    ),
    max_size=60,
)


@settings(max_examples=200, deadline=None)
@given(count=st.integers(1, 5), steps=STEPS)
def test_whatever_happens_half_of_those_that_answer_probes_take_calls(
    count: int, steps: list[tuple[int, str, int]]
) -> None:
    clock = FakeClock()
    replicas = make(count, clock)
    outcomes = {
        "failed": Outcome.FAILURE, "slow": Outcome.SLOW, "well": Outcome.SUCCESS, "neutral": Outcome.NEUTRAL
    }  # fmt: skip
    for which, what, times in steps:
        replica = replicas.current()[which % count]
        for _ in range(times):
            if what in outcomes:
                if replica.breaker.admits:
                    replica.breaker.acquire().settle(outcomes[what])
            elif what == "missed":
                replica.probe_missed()
            elif what == "answered":
                replica.probe_answered(0.01)
            elif what == "forgotten":
                replica.forget_probes()
            else:
                clock.advance(0.3)
            answering = [one.breaker for one in replicas.current() if not one.breaker.lost]
            ejected = [breaker for breaker in answering if breaker.state != "closed"]
            assert len(ejected) <= len(answering) // 2
            if answering:
                replicas.require()
            else:
                with pytest.raises(DependencyUnavailable):
                    replicas.require()
