"""The service breaker: a group of routes is closed by its own calls alone, and a trial always comes."""

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from holdfast.resilience.client import OutboundClient
from holdfast.resilience.clock import FakeClock
from holdfast.resilience.deadline import Deadline
from holdfast.resilience.errors import DependencyUnavailable
from holdfast.resilience.outcome import Outcome
from holdfast.resilience.policy import CallPolicy
from holdfast.resilience.settings import QUERY_CLIENT
from holdfast.resilience.wire import Answer

Serve = Any
POLICY = CallPolicy(attempt_timeout_s=10)


class Shop:
    """A client of two servers, on a clock that the test moves; no probes but those that a test makes up."""

    def __init__(self, *servers: Serve) -> None:
        self.clock = FakeClock()
        urls = ",".join(server.url for server in servers)
        settings = replace(QUERY_CLIENT, connect_timeout_s=5)
        self.client = OutboundClient("query-service", urls, settings, clock=self.clock, rng=random.Random(5))

    async def call(self, group: str) -> Answer | str:
        """The answer, or why it was refused."""
        try:
            return await self.client.request(
                "GET", f"/{group}", group=group, deadline=Deadline.after(10), policy=POLICY
            )
        except DependencyUnavailable as error:
            return error.reason

    async def status(self, group: str) -> int | str:
        answer = await self.call(group)
        return answer if isinstance(answer, str) else answer.status


@pytest.fixture
async def shop(server: Serve, other_server: Serve) -> Any:
    one = Shop(server, other_server)
    yield one
    await one.client.close()


def fails(*servers: Serve, at: str, reply: Callable[..., bytes], status: int = 500) -> None:
    async def answer(seen: Any) -> bytes:
        return reply(status if seen.target == at else 200)

    for server in servers:
        server.answer = answer


@pytest.mark.parametrize("status", [500, 503])
async def test_one_groups_failures_for_30_s_cost_no_other_group_a_call(
    shop: Shop, server: Serve, other_server: Serve, http_reply: Callable[..., bytes], status: int
) -> None:
    fails(server, other_server, at="/streams", reply=http_reply, status=status)
    found: dict[str, Counter[int | str]] = {"streams": Counter(), "search": Counter()}
    for second in range(30):
        for _ in range(10):
            for group, counted in found.items():
                counted[await shop.status(group)] += 1
        shop.clock.advance(1)
        for replica in shop.client.replicas.current():
            replica.probe_answered(0.001)
        assert [replica.breaker.state for replica in shop.client.replicas.current()].count("closed") >= 1, second
    assert found["search"] == {200: 300}
    assert found["streams"]["breaker-open"] > 200
    assert found["streams"][status] >= 7 + 5  # opened, and tried again and again
    assert shop.client.groups["search"].state == "closed"
    assert shop.client.groups["streams"].state != "closed"


async def test_a_trial_goes_out_after_each_open_time_and_three_good_ones_close_the_group(
    shop: Shop, server: Serve, other_server: Serve, http_reply: Callable[..., bytes]
) -> None:
    fails(server, other_server, at="/search", reply=http_reply)
    for _ in range(7):
        assert await shop.status("search") == 500
    for _ in range(20):
        assert await shop.status("search") == "breaker-open"
        shop.clock.advance(5)
        assert await shop.status("search") == 500
    fails(server, other_server, at="/nowhere", reply=http_reply)
    shop.clock.advance(5)
    assert [await shop.status("search") for _ in range(10)] == [200] * 10
    assert shop.client.groups["search"].state == "closed"


async def test_a_repeat_that_was_answered_is_a_success_of_its_group(
    shop: Shop, server: Serve, other_server: Serve
) -> None:
    server.always(503)
    assert {await shop.status("search") for _ in range(60)} == {200}
    assert shop.client.groups["search"].snapshot().error_rate == 0
    assert [replica.breaker.state for replica in shop.client.replicas.current()] == ["open", "closed"]


@pytest.mark.parametrize("group", ["search", "one that was never called"])
async def test_all_lost_refuses_every_group_at_once_and_one_answered_probe_brings_them_back(
    shop: Shop, server: Serve, other_server: Serve, group: str
) -> None:
    assert await shop.status("search") == 200
    for replica in shop.client.replicas.current() * 3:
        replica.probe_missed()
    before = len(server.seen) + len(other_server.seen)
    assert [await shop.status(group) for _ in range(20)] == ["breaker-open"] * 20
    with pytest.raises(DependencyUnavailable):
        shop.client.require(group)
    assert len(server.seen) + len(other_server.seen) == before
    shop.client.replicas.current()[1].probe_answered(0.001)
    shop.client.require(group)
    assert await shop.status(group) == 200


async def test_require_knows_the_group(shop: Shop) -> None:
    for _ in range(7):
        shop.client.groups["search"].acquire().failure()
    with pytest.raises(DependencyUnavailable) as caught:
        shop.client.require("search")
    assert (caught.value.dependency, caught.value.reason) == ("query-service", "breaker-open")
    shop.client.require("browse")
    shop.client.require()


@pytest.mark.parametrize("status", [400, 404, 409, 422, 425, 429])
async def test_a_flood_of_refusals_neither_opens_nor_closes_nor_hides_anything(
    shop: Shop, server: Serve, other_server: Serve, http_reply: Callable[..., bytes], status: int
) -> None:
    group = shop.client.groups["search"]
    for failure in range(7):
        fails(server, other_server, at="/search", reply=http_reply, status=status)
        for _ in range(30):
            assert await shop.status("search") == status
        assert group.state == "closed", failure
        fails(server, other_server, at="/search", reply=http_reply)
        assert await shop.status("search") == 500
    assert group.state == "open"  # seven failures in a row: what lay between said nothing
    shop.clock.advance(1.3)
    fails(server, other_server, at="/search", reply=http_reply, status=status)
    assert [await shop.status("search") for _ in range(50)] == [status] * 50
    assert group.state == "half-open"  # refusals pass and give their permits back
    fails(server, other_server, at="/nowhere", reply=http_reply)
    assert [await shop.status("search") for _ in range(3)] == [200] * 3
    assert group.state == "closed"


async def test_what_a_group_lends_comes_back_and_its_listeners_hear_of_it(shop: Shop, server: Serve) -> None:
    heard: list[tuple[str, str, str]] = []
    shop.client.groups["browse"]
    shop.client.add_listener(lambda *change: heard.append(change))
    for group in ("browse", "search"):
        for _ in range(7):
            shop.client.groups[group].acquire().settle(Outcome.FAILURE)
    assert heard == [
        ("query-service browse", "closed", "open"),
        ("query-service search", "closed", "open"),
    ]
    assert [breaker.in_flight for breaker in shop.client.groups.values()] == [0, 0]


async def test_slow_answers_alone_open_no_group(shop: Shop) -> None:
    group = shop.client.groups["search"]
    for _ in range(100):
        group.leave(group.enter(Deadline.after(1)), Outcome.SLOW)
    assert group.state == "closed"


async def test_results_of_calls_begun_before_it_opened_are_dropped(shop: Shop) -> None:
    group = shop.client.groups["search"]
    late = [group.enter(Deadline.after(1)) for _ in range(20)]
    for _ in range(7):
        group.leave(group.enter(Deadline.after(1)), Outcome.FAILURE)
    for entered in late:
        group.leave(entered, Outcome.SUCCESS)
    assert (group.state, group.in_flight) == ("open", 0)
