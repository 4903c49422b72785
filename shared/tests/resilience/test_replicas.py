"""Balancing: even shares, no calls to what is broken, replicas that come and go."""

import asyncio
import math
import random
from collections import Counter

import pytest

from holdfast.resilience.addresses import Addresses, DnsName
from holdfast.resilience.clock import FakeClock
from holdfast.resilience.errors import DeadlineExceeded, DependencyUnavailable
from holdfast.resilience.limit import Limit
from holdfast.resilience.outcome import Outcome
from holdfast.resilience.replicas import Replica, Replicas
from holdfast.resilience.settings import BreakerSettings, ProbeSettings

NAME = DnsName("query", 8080)


def make(*urls: str, clock: FakeClock | None = None, seed: int = 3) -> Replicas:
    addresses = Addresses(urls, ())
    rng = random.Random(seed)
    return Replicas("query", addresses, BreakerSettings(), ProbeSettings(), clock=clock or FakeClock(), rng=rng)


def break_it(replica: Replica) -> None:
    for _ in range(7):
        replica.breaker.acquire().failure()


def lose(replica: Replica) -> None:
    for _ in range(3):
        replica.probe_missed()


@pytest.mark.parametrize("count", [2, 3, 4])
def test_healthy_replicas_share_evenly_even_when_calls_come_one_at_a_time(count: int) -> None:
    replicas = make(*(f"http://10.0.0.{number}:1" for number in range(count)))
    picked: Counter[str] = Counter()
    for _ in range(2000):
        replica = replicas.pick()
        permit = replica.breaker.acquire()
        picked[replica.name] += 1
        permit.success()
    for share in picked.values():
        assert 0.9 / count < share / 2000 < 1.1 / count


def test_the_less_loaded_of_two_is_taken() -> None:
    replicas = make("http://a:1", "http://b:1")
    one, two = replicas.current()
    held = one.breaker.acquire()
    assert {replicas.pick().name for _ in range(50)} == {"b:1"}
    held.success()
    two.breaker.acquire()
    assert {replicas.pick().name for _ in range(50)} == {"a:1"}


def test_one_that_answers_probes_late_gets_calls_when_the_other_has_as_many_times_more_of_them() -> None:
    replicas = make("http://a:1", "http://b:1")
    one, two = replicas.current()
    one.pace.took(0.08)
    two.pace.took(0.019)
    taken = []
    for _ in range(8):
        taken.append(replicas.pick())
        taken[-1].breaker.acquire()
    assert taken[:3] == [two, two, two]
    assert [taken.count(one), taken.count(two)] in ([1, 7], [2, 6])  # a tie in between: four times as many


def test_quick_probes_make_no_difference() -> None:
    replicas = make("http://a:1", "http://b:1")
    one, two = replicas.current()
    one.pace.took(0.019)
    two.pace.took(0.001)
    picked = Counter(replicas.pick().name for _ in range(2000))
    assert all(900 < times < 1100 for times in picked.values())


def test_together_they_are_as_quick_as_the_quickest_that_takes_calls() -> None:
    replicas = make("http://a:1", "http://b:1")
    one, two = replicas.current()
    one.pace.took(0.1)
    assert replicas.pace_s == 0.02
    two.pace.took(0.08)
    assert replicas.pace_s == 0.08
    break_it(two)
    assert replicas.pace_s == 0.1
    lose(one)
    lose(two)
    assert replicas.pace_s == math.inf


def test_a_broken_replica_is_left_out_and_all_lost_is_an_error() -> None:
    clock = FakeClock()
    replicas = make("http://a:1", "http://b:1", clock=clock)
    one, two = replicas.current()
    break_it(one)
    assert {replicas.pick().name for _ in range(50)} == {"b:1"}
    replicas.require()
    lose(one)
    assert {replicas.pick().name for _ in range(50)} == {"b:1"}
    lose(two)
    with pytest.raises(DependencyUnavailable) as caught:
        replicas.pick()
    assert (caught.value.dependency, caught.value.reason, caught.value.retry_after_s) == ("query", "breaker-open", 1)
    with pytest.raises(DependencyUnavailable):
        replicas.require()


def slow(replica: Replica, times: int) -> None:
    for _ in range(times):
        replica.breaker.acquire().settle(Outcome.SLOW)


def test_a_slow_replica_is_left_out_while_another_does_well() -> None:
    replicas = make("http://a:1", "http://b:1")
    one, two = replicas.current()
    two.breaker.acquire().success()
    slow(one, 7)
    assert {replicas.pick().name for _ in range(50)} == {"b:1"}


def test_replicas_that_are_slow_together_all_stay_in() -> None:
    replicas = make("http://a:1", "http://b:1", "http://c:1")
    for _ in range(30):
        for replica in replicas.current():
            slow(replica, 1)
    assert {replicas.pick().name for _ in range(50)} == {"a:1", "b:1", "c:1"}


def test_one_that_answers_probes_late_is_no_better_for_being_spared() -> None:
    replicas = make("http://a:1", "http://b:1")
    spared, busy = replicas.current()
    spared.pace.took(0.08)
    slow(busy, 100)
    assert busy.breaker.state == "closed"
    spared.pace.forget()
    slow(busy, 1)
    assert busy.breaker.state == "open"


def test_replicas_that_turn_slow_together_after_a_good_time_all_stay_in() -> None:
    replicas = make("http://a:1", "http://b:1")
    chance = random.Random(5)
    for round_ in range(300):
        for replica in replicas.current():
            bad = round_ > 60 and chance.random() < 0.7
            replica.breaker.acquire().settle(Outcome.SLOW if bad else Outcome.SUCCESS)
    assert [replica.breaker.state for replica in replicas.current()] == ["closed", "closed"]


def test_a_slow_replica_that_is_alone_stays_in() -> None:
    replicas = make("http://a:1")
    slow(replicas.current()[0], 100)
    assert replicas.pick().name == "a:1"


def test_a_repeat_goes_elsewhere_or_nowhere() -> None:
    replicas = make("http://a:1", "http://b:1")
    one, two = replicas.current()
    assert {replicas.pick(other_than=one) for _ in range(50)} == {two}
    break_it(two)
    with pytest.raises(DependencyUnavailable):
        replicas.pick(other_than=one)


def test_replicas_of_a_name_come_and_go_and_keep_their_breakers() -> None:
    replicas = make()
    with pytest.raises(DependencyUnavailable) as caught:
        replicas.pick()
    assert caught.value.reason == "no-replica"
    replicas.update(NAME, ("http://10.0.0.1:8080", "http://10.0.0.2:8080"))
    first = replicas.current()[0]
    break_it(first)
    replicas.update(NAME, ("http://10.0.0.1:8080", "http://10.0.0.2:8080"))
    replicas.update(NAME, ("http://10.0.0.3:8080", "http://10.0.0.1:8080"))
    assert [replica.name for replica in replicas.current()] == ["10.0.0.3:8080", "10.0.0.1:8080"]
    assert replicas.current()[1] is first
    assert {replicas.pick().name for _ in range(20)} == {"10.0.0.3:8080"}


def test_listeners_hear_of_replicas_still_to_come() -> None:
    replicas = make("http://a:1")
    heard: list[tuple[str, str, str]] = []
    replicas.add_listener(lambda *change: heard.append(change))
    replicas.update(NAME, ("http://b:1",))
    for replica in replicas.current():
        lose(replica)
    assert heard == [("query a:1", "closed", "open"), ("query b:1", "closed", "open")]


async def test_losing_a_replica_ends_its_watched_calls_at_once_and_no_others() -> None:
    replicas = make("http://a:1", "http://b:1")
    one, two = replicas.current()
    ends: dict[str, str] = {}

    async def call(label: str, replica: Replica, seconds: float) -> None:
        limit = Limit(seconds, "query", watches=replica.watches)
        try:
            with limit:
                await asyncio.sleep(10)
        except DeadlineExceeded:
            ends[label] = "lost" if limit.lost else "timeout"

    tasks = [
        asyncio.create_task(call("here", one, 10)),
        asyncio.create_task(call("elsewhere", two, 0.1)),
        asyncio.create_task(call("over already", one, 0.001)),
    ]
    await asyncio.sleep(0)
    await asyncio.sleep(0.02)
    for _ in range(3):
        one.probe_missed()
    await asyncio.wait_for(asyncio.gather(*tasks), 5)
    assert ends == {"here": "lost", "elsewhere": "timeout", "over already": "timeout"}


async def test_a_call_that_is_just_timing_out_is_not_said_to_be_lost() -> None:
    replica = make("http://a:1").current()[0]
    limit = Limit(0.01, "query", watches=replica.watches)

    async def call() -> None:
        with limit:
            try:
                await asyncio.sleep(5)
            finally:
                for _ in range(3):  # its time is over, but it has not ended yet
                    replica.probe_missed()

    with pytest.raises(DeadlineExceeded):
        await call()
    assert not limit.lost
