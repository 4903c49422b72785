"""The outbound client against real sockets: what it repeats, what it does not, and how calls end."""

import asyncio
import math
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

import pytest

from holdfast.resilience.addresses import DnsName
from holdfast.resilience.client import OutboundClient
from holdfast.resilience.clock import FakeClock
from holdfast.resilience.deadline import Deadline
from holdfast.resilience.errors import BulkheadFull, DeadlineExceeded, DependencyUnavailable
from holdfast.resilience.outcome import Outcome
from holdfast.resilience.policy import CallPolicy
from holdfast.resilience.replicas import Replica
from holdfast.resilience.settings import (
    CHECKOUT,
    QUERY_CLIENT,
    READ,
    BulkheadSettings,
    ClientSettings,
    RetrySettings,
)
from holdfast.resilience.wire import Answer

FAST = CallPolicy(attempt_timeout_s=0.1)
Serve = Any  # the conftest's scripted server


@asynccontextmanager
async def client_of(
    *servers: Serve, settings: ClientSettings = QUERY_CLIENT, **more: Any
) -> AsyncIterator[OutboundClient]:
    """A client of these servers, without probes unless the test starts them."""
    client = OutboundClient("query-service", ",".join(server.url for server in servers), settings, **more)
    try:
        yield client
    finally:
        await client.close()


async def get(client: OutboundClient, policy: CallPolicy = FAST, *, left_s: float = 2, **more: Any) -> Answer:
    return await client.request("GET", "/api/products", deadline=Deadline.after(left_s), policy=policy, **more)


async def test_a_request_arrives_as_it_was_given_and_its_answer_comes_back(
    server: Serve, http_reply: Callable[..., bytes]
) -> None:
    server.always(409, b'{"code": "cart-empty"}', Consistency_Token="cart-1@3", Set_Cookie="a=b")
    async with client_of(server) as client:
        answer = await client.request(
            "POST",
            "/api/cart/items/a%2Fb%20c",
            query="q=a+b&q=%C3%A9",
            headers=[("Authorization", "Bearer x"), ("Idempotency-Key", "k"), ("Host", "evil")],
            content=b'{"quantity": 1}',
            deadline=Deadline.after(0.5),
            policy=CallPolicy(attempt_timeout_s=0.3),
        )
    assert (answer.status, answer.body, answer.attempts) == (409, b'{"code": "cart-empty"}', 1)
    assert answer.headers["consistency-token"] == "cart-1@3"
    assert answer.replica == f"127.0.0.1:{server.port}"
    (seen,) = server.seen
    assert (seen.method, seen.target, seen.body) == (
        "POST",
        "/api/cart/items/a%2Fb%20c?q=a+b&q=%C3%A9",
        b'{"quantity": 1}',
    )
    assert seen.headers["host"] == f"127.0.0.1:{server.port}"
    assert 200 < int(seen.headers["x-request-timeout-ms"]) <= 290  # the attempt's time less the hop's share
    assert set(seen.headers) == {"host", "authorization", "idempotency-key", "content-length", "x-request-timeout-ms"}


@pytest.mark.parametrize("path", ["/a b", "/a#b", "/é", "/%zz", "/a\x7fb", "/{x}|^`"])
async def test_an_odd_path_is_sent_and_not_a_crash(server: Serve, path: str) -> None:
    async with client_of(server) as client:
        deadline = Deadline.after(1)
        headers = [("X-Odd", "caf\xe9\t\x85")]
        answer = await client.request("GET", path, headers=headers, deadline=deadline, policy=FAST)
    assert answer.status == 200
    assert server.seen[0].target.isascii()
    assert unquote(server.seen[0].target) == path


async def test_no_cookie_redirect_or_proxy_is_followed(server: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    server.always(307, b"", Location="/elsewhere", Set_Cookie="session=someone-elses")
    async with client_of(server) as client:
        assert (await get(client)).status == 307
        assert (await get(client)).status == 307
    assert len(server.seen) == 2
    assert "cookie" not in server.seen[1].headers


async def test_connections_are_kept_and_shared(server: Serve) -> None:
    async with client_of(server) as client:
        for _ in range(20):
            await get(client)
    assert server.connections == 1


async def test_two_healthy_replicas_share_two_thousand_reads(server: Serve, other_server: Serve) -> None:
    async with client_of(server, other_server) as client:
        picked = Counter([(await get(client)).replica for _ in range(2000)])
    assert all(900 <= count <= 1100 for count in picked.values())
    assert sum(picked.values()) == 2000


@pytest.mark.parametrize("status", [502, 503, 504])
async def test_a_failed_answer_is_repeated_once_at_the_other_replica(
    server: Serve, other_server: Serve, status: int
) -> None:
    server.always(status)
    async with client_of(server, other_server) as client:
        answers = [await get(client) for _ in range(8)]
    assert {answer.status for answer in answers} == {200}
    assert {answer.attempts for answer in answers} == {1, 2}
    assert len(server.seen) + len(other_server.seen) == sum(answer.attempts for answer in answers)
    repeats = [seen for seen in other_server.seen if seen.headers.get("x-attempt") == "2"]
    assert len(repeats) == len(server.seen)
    assert all("x-attempt" not in seen.headers for seen in server.seen)


@pytest.mark.parametrize(
    ("status", "headers"), [(503, {"Retry_After": "1"}), (409, {}), (500, {}), (429, {}), (404, {})]
)
async def test_what_was_shed_or_decided_is_not_repeated(
    server: Serve, other_server: Serve, status: int, headers: dict[str, str]
) -> None:
    server.always(status, **headers)
    other_server.always(status, **headers)
    async with client_of(server, other_server) as client:
        assert (await get(client)).status == status
    assert len(server.seen) + len(other_server.seen) == 1


async def test_a_slow_replicas_attempt_ends_and_is_repeated_at_the_other(server: Serve, other_server: Serve) -> None:
    async def slow(seen: object) -> bytes:
        await asyncio.sleep(5)
        return b""

    server.answer = slow
    async with client_of(server, other_server, rng=random.Random(1)) as client:
        answers = [await get(client) for _ in range(6)]
        assert {(answer.status, answer.replica) for answer in answers} == {(200, f"127.0.0.1:{other_server.port}")}
        assert {answer.attempts for answer in answers} == {1, 2}
        assert all(replica.breaker.in_flight == 0 for replica in client.replicas.current())


async def test_a_body_that_trickles_is_ended_by_the_attempts_timeout(server: Serve, cut: type[Exception]) -> None:
    async def trickle(seen: object) -> bytes:
        await asyncio.sleep(0.02)
        return b"HTTP/1.1 200 X\r\nContent-Length: 50\r\n\r\nhalf"

    server.answer = trickle
    async with client_of(server) as client:
        with pytest.raises(DependencyUnavailable) as caught:
            await get(client)
        assert caught.value.reason == "timeout"


@pytest.mark.parametrize("first", [b"", b"HTTP/1.1 200 X\r\nContent-Length: 50\r\n\r\nhalf"])
async def test_a_connection_cut_before_or_amid_the_answer_is_repeated_elsewhere(
    server: Serve, other_server: Serve, cut: Callable[[bytes], Exception], first: bytes
) -> None:
    async def broken(seen: object) -> bytes:
        raise cut(first)

    server.answer = broken
    async with client_of(server, other_server, rng=random.Random(1)) as client:  # which does pick the broken one
        answers = [await get(client) for _ in range(6)]
    assert {answer.status for answer in answers} == {200}
    assert len(server.seen) == sum(answer.attempts - 1 for answer in answers) > 0


async def test_the_transport_itself_never_repeats(server: Serve, cut: Callable[[bytes], Exception]) -> None:
    async with client_of(server) as client:
        await get(client)  # the connection is kept: now a broken one would tempt aiohttp to send again

        async def broken(seen: object) -> bytes:
            raise cut(b"")

        server.answer = broken
        with pytest.raises(DependencyUnavailable) as caught:
            await get(client, replace(FAST, retry=False))
    assert caught.value.reason == "reset"
    assert len(server.seen) == 2


async def test_one_replica_alone_is_tried_again_only_when_nothing_reached_it(server: Serve) -> None:
    server.always(502)
    async with client_of(server) as client:
        assert (await get(client)).status == 502
        assert len(server.seen) == 1
        port = server.port
        await server.stop()
        back = asyncio.get_running_loop().call_later(0.015, lambda: asyncio.ensure_future(server.start(port)))
        server.always(200)
        assert (await get(client)).attempts == 2
        back.cancel()


async def test_what_did_not_reach_one_replica_is_sent_to_the_other_at_once_and_the_next_calls_go_there(
    server: Serve, other_server: Serve
) -> None:
    settings = replace(QUERY_CLIENT, retry=RetrySettings(backoff_s=(0.9, 0.9)))
    async with client_of(server, other_server, settings=settings, rng=random.Random(1)) as client:
        await server.stop()
        begun_s = asyncio.get_running_loop().time()
        attempts = [(await get(client)).attempts for _ in range(20)]
        assert asyncio.get_running_loop().time() - begun_s < 0.5
    assert sorted(attempts) == [1] * 19 + [2]


async def test_after_a_broken_connection_the_next_calls_go_to_the_other_replica(
    server: Serve, other_server: Serve, cut: Callable[[bytes], Exception]
) -> None:
    async def broken(seen: object) -> bytes:
        raise cut(b"")

    server.answer = broken
    settings = replace(QUERY_CLIENT, retry=RetrySettings(backoff_s=(0.1, 0.1)))
    async with client_of(server, other_server, settings=settings, rng=random.Random(1)) as client:
        begun_s = asyncio.get_running_loop().time()
        attempts = [(await get(client)).attempts for _ in range(20)]
        assert asyncio.get_running_loop().time() - begun_s > 0.1  # it was sent: the repeat waits
    assert sorted(attempts) == [1] * 19 + [2]
    assert len(server.seen) == 1


async def test_without_probes_nobody_would_end_it_so_a_broken_connection_makes_none_the_last_choice(
    server: Serve, other_server: Serve, switch_off: Callable[..., None]
) -> None:
    switch_off("probe")
    async with client_of(server, other_server) as client:
        await server.stop()
        for _ in range(6):
            await get(client)
        assert {replica.pace.slowest_s for replica in client.replicas.current()} == {0.02}


async def test_a_connection_not_made_while_this_process_stood_still_does_not_count(full_backlog: str) -> None:
    client = OutboundClient("query-service", full_backlog, QUERY_CLIENT)
    (replica,) = client.replicas.current()
    breaker = client.groups["all"]
    patient = CallPolicy(attempt_timeout_s=None, retry=False)
    for stalled in (True, False):
        calls = 0
        while breaker.state == "closed" and calls < (7 if stalled else 100):  # a busy machine keeps some late
            if stalled:
                asyncio.get_running_loop().call_later(0.01, time.sleep, 0.1)
            with pytest.raises(DependencyUnavailable) as caught:
                await get(client, patient)
            assert caught.value.reason == "connect"
            calls += 1
        assert breaker.state == ("closed" if stalled else "open")
        assert calls >= 7
        assert replica.pace.slowest_s == (0.02 if stalled else math.inf)
    await client.close()


async def test_a_dead_replica_alone_is_unavailable_and_certainly_not_reached(server: Serve) -> None:
    async with client_of(server) as client:
        await server.stop()
        with pytest.raises(DependencyUnavailable) as caught:
            await get(client)
        assert (caught.value.reason, caught.value.dependency) == ("connect", "query-service")


async def test_a_command_without_a_key_is_repeated_only_when_it_was_not_sent(
    server: Serve, other_server: Serve, cut: Callable[[bytes], Exception]
) -> None:
    async def broken(seen: object) -> bytes:
        raise cut(b"")

    server.answer = other_server.answer = broken
    once = replace(FAST, repeatable=False)
    async with client_of(server, other_server) as client:
        with pytest.raises(DependencyUnavailable):
            await get(client, once)
        assert len(server.seen) + len(other_server.seen) == 1
        server.always(502)
        other_server.always(502)
        assert (await get(client, once)).attempts == 1
        await server.stop()
        other_server.always(200)
        assert {(await get(client, once)).status for _ in range(6)} == {200}


async def test_a_repeat_that_meets_its_first_attempt_is_unavailable_for_a_second(
    server: Serve, other_server: Serve, http_reply: Callable[..., bytes]
) -> None:
    async def answer(seen: Any) -> bytes:
        if "x-attempt" in seen.headers:
            return http_reply(409, b'{"code": "request-in-progress"}', Retry_After="1")
        return http_reply(502)

    server.answer = other_server.answer = answer
    async with client_of(server, other_server) as client:
        with pytest.raises(DependencyUnavailable) as caught:
            await get(client)
    assert (caught.value.reason, caught.value.retry_after_s) == ("request-in-progress", 1)


@pytest.mark.parametrize("body", [b'{"code": "cart-empty"}', b"not json", b"[]"])
async def test_another_conflict_met_by_a_repeat_is_the_answer(
    server: Serve, other_server: Serve, http_reply: Callable[..., bytes], body: bytes
) -> None:
    async def answer(seen: Any) -> bytes:
        return http_reply(409, body) if "x-attempt" in seen.headers else http_reply(502)

    server.answer = other_server.answer = answer
    async with client_of(server, other_server) as client:
        answer_got = await get(client)
    assert (answer_got.status, answer_got.body, answer_got.attempts) == (409, body, 2)


async def test_a_first_attempts_own_conflict_passes_as_it_is(server: Serve) -> None:
    server.always(409, b'{"code": "request-in-progress"}', Retry_After="1")
    async with client_of(server) as client:
        assert (await get(client)).status == 409


async def test_an_answer_is_better_than_none_when_both_attempts_fail(
    server: Serve, other_server: Serve, http_reply: Callable[..., bytes], cut: Callable[[bytes], Exception]
) -> None:
    async def answer(seen: Any) -> bytes:
        if "x-attempt" in seen.headers:
            raise cut(b"")
        return http_reply(503, b"store away")

    server.answer = other_server.answer = answer
    async with client_of(server, other_server) as client:
        got = await get(client)
    assert (got.status, got.body, got.attempts) == (503, b"store away", 1)


async def test_over_the_budget_the_original_error_is_returned(server: Serve, other_server: Serve) -> None:
    server.always(502)
    other_server.always(502)
    settings = replace(QUERY_CLIENT, retry=RetrySettings(budget=0, floor_per_s=0.2, backoff_s=(0, 0)))
    async with client_of(server, other_server, settings=settings) as client:
        answers = [await get(client) for _ in range(5)]
    assert [answer.attempts for answer in answers] == [2, 2, 1, 1, 1]


async def test_what_nobody_takes_earns_no_repeat(server: Serve, other_server: Serve) -> None:
    server.always(502)
    other_server.always(502)
    settings = replace(QUERY_CLIENT, retry=RetrySettings(budget=0.5, floor_per_s=0, ttl_s=1000, backoff_s=(0, 0)))
    clock = FakeClock()
    async with client_of(server, other_server, settings=settings, clock=clock) as client:
        for replica in client.replicas.current() * 3:
            replica.probe_missed()
        for _ in range(20):
            with pytest.raises(DependencyUnavailable):
                await get(client)
        clock.advance(60)
        for replica in client.replicas.current():
            replica.probe_answered(0.01)
        assert (await get(client)).attempts == 1


async def test_no_repeat_is_waited_for_without_time_for_it(server: Serve, other_server: Serve) -> None:
    server.always(502)
    other_server.always(502)
    settings = replace(QUERY_CLIENT, retry=RetrySettings(backoff_s=(0.9, 0.9)))
    async with client_of(server, other_server, settings=settings) as client:
        begun_s = asyncio.get_running_loop().time()
        assert (await get(client, left_s=0.9)).attempts == 1
        assert asyncio.get_running_loop().time() - begun_s < 0.5


async def test_a_repeat_that_comes_too_late_leaves_the_first_answer(server: Serve, other_server: Serve) -> None:
    server.always(502)
    other_server.always(502)
    settings = replace(QUERY_CLIENT, retry=RetrySettings(backoff_s=(0.08, 0.08)))
    clock = FakeClock()
    async with client_of(server, other_server, settings=settings) as client:
        asyncio.get_running_loop().call_later(0.05, clock.advance, 1)  # the pause takes longer than it should
        deadline = Deadline.after(0.5, clock=clock)
        got = await client.request("GET", "/", deadline=deadline, policy=FAST)
    assert (got.status, got.attempts) == (502, 1)
    assert len(server.seen) + len(other_server.seen) == 1


async def test_the_whole_calls_deadline_holds(server: Serve) -> None:
    async def slow(seen: object) -> bytes:
        await asyncio.sleep(5)
        return b""

    server.answer = slow
    async with client_of(server) as client:
        begun_s = asyncio.get_running_loop().time()
        with pytest.raises(DeadlineExceeded) as caught:
            await get(client, CHECKOUT, left_s=0.1)
        assert asyncio.get_running_loop().time() - begun_s < 0.5
        assert caught.value.dependency == "query-service"
        with pytest.raises(DeadlineExceeded):
            await get(client, left_s=0)
        with pytest.raises(DeadlineExceeded):
            await get(client, left_s=0.005)  # less than the hop's share
    assert len(server.seen) == 1


async def test_callers_with_no_patience_cannot_open_the_breaker(
    server: Serve, http_reply: Callable[..., bytes]
) -> None:
    async def slow(seen: Any) -> bytes:
        await asyncio.sleep(0.03)
        return http_reply(504)

    server.answer = slow
    async with client_of(server) as client:
        for left_s in [0.015] * 10 + [0.06] * 10:  # timed out here, and there
            with pytest.raises((DeadlineExceeded, AssertionError)):
                assert (await get(client, READ, left_s=left_s)).status != 504
        (replica,) = client.replicas.current()
        assert replica.breaker.state == "closed"
        assert replica.breaker.snapshot().error_rate == 0


async def test_timeouts_of_a_whole_attempt_open_the_breaker_and_then_calls_fail_at_once(server: Serve) -> None:
    async def slow(seen: object) -> bytes:
        await asyncio.sleep(5)
        return b""

    server.answer = slow
    quick = CallPolicy(attempt_timeout_s=0.02, retry=False)
    async with client_of(server) as client:
        for _ in range(7):
            with pytest.raises(DependencyUnavailable):
                await get(client, quick)
        begun_s = asyncio.get_running_loop().time()
        with pytest.raises(DependencyUnavailable) as caught:
            await get(client, quick)
        assert asyncio.get_running_loop().time() - begun_s < 0.5
        assert caught.value.reason == "breaker-open"
    assert len(server.seen) <= 7  # a busy machine cuts one off before it is sent


async def test_a_policy_may_judge_answers_its_own_way(server: Serve) -> None:
    server.always(404)
    policy = replace(FAST, classify=lambda status, retry_after: Outcome.FAILURE)
    async with client_of(server) as client:
        for _ in range(7):
            assert (await get(client, policy)).status == 404
        assert client.groups["all"].state == "open"


async def test_an_answer_without_end_is_cut_off(server: Serve, http_reply: Callable[..., bytes]) -> None:
    server.always(200, b"x" * 5000)
    async with client_of(server, settings=replace(QUERY_CLIENT, max_answer_bytes=4000)) as client:
        with pytest.raises(DependencyUnavailable) as caught:
            await get(client)
        assert caught.value.reason == "bad-answer"
        server.always(200, b"x" * 4000)
        assert len((await get(client)).body) == 4000


async def test_what_is_not_http_is_a_bad_answer_and_not_repeated(server: Serve, other_server: Serve) -> None:
    async def garbage(seen: object) -> bytes:
        return b"SSH-2.0-hello\r\n\r\n"

    server.answer = other_server.answer = garbage
    async with client_of(server, other_server) as client:
        with pytest.raises(DependencyUnavailable) as caught:
            await get(client)
    assert caught.value.reason == "bad-answer"
    assert len(server.seen) + len(other_server.seen) == 1


async def test_the_bulkhead_bounds_what_a_hanging_service_can_hold(server: Serve) -> None:
    hanging = asyncio.Event()

    async def hang(seen: object) -> bytes:
        hanging.set()
        await asyncio.sleep(5)
        return b""

    server.answer = hang
    settings = replace(QUERY_CLIENT, bulkhead=BulkheadSettings(limit=2, queue=1, max_wait_s=0.02))
    async with client_of(server, settings=settings) as client:
        tasks = [asyncio.create_task(get(client, CHECKOUT, left_s=1)) for _ in range(10)]
        await hanging.wait()
        done, held = await asyncio.wait(tasks, timeout=0.3)
        assert {type(task.exception()) for task in done} == {BulkheadFull}
        assert len(held) == client.bulkhead.in_flight == 2
        for task in held:
            task.cancel()
        await asyncio.wait(held)
        assert client.bulkhead.in_flight == 0
        assert client.replicas.current()[0].breaker.in_flight == 0


async def test_cancelled_at_any_moment_a_call_gives_everything_back(server: Serve, other_server: Serve) -> None:
    async def slow(seen: object) -> bytes:
        await asyncio.sleep(0.01)
        return b"HTTP/1.1 502 X\r\nContent-Length: 0\r\n\r\n"

    server.answer = other_server.answer = slow
    policy = replace(FAST, classify=lambda status, retry_after: Outcome.NEUTRAL)  # no breaker in the way
    settings = replace(
        QUERY_CLIENT, bulkhead=BulkheadSettings(limit=1, queue=1), retry=RetrySettings(backoff_s=(0.01, 0.01))
    )
    async with client_of(server, other_server, settings=settings) as client:
        for step in range(60):
            tasks = [asyncio.create_task(get(client, policy)), asyncio.create_task(get(client, policy))]
            await asyncio.sleep(step * 0.001)
            for task in tasks:
                task.cancel()
            ends = await asyncio.gather(*tasks, return_exceptions=True)
            assert all(not isinstance(end, Exception) for end in ends)
            assert (client.bulkhead.in_flight, client.bulkhead.waiting) == (0, 0)
            assert [replica.breaker.in_flight for replica in client.replicas.current()] == [0, 0]


async def test_each_attempt_is_seen_by_the_metrics(server: Serve, other_server: Serve) -> None:
    seen: list[tuple[str, str, int, str, Outcome, float]] = []
    server.always(502)
    await other_server.stop()
    urls = f"{server.url},http://127.0.0.1:1"
    client = OutboundClient("query-service", urls, QUERY_CLIENT, observe=lambda *attempt: seen.append(attempt))
    try:
        await get(client)
    finally:
        await client.close()
    assert {(dependency, ended, outcome) for dependency, _, _, ended, outcome, _ in seen} == {
        ("query-service", "502", Outcome.FAILURE),
        ("query-service", "connect", Outcome.FAILURE),
    }
    assert sorted(number for _, _, number, _, _, _ in seen) == [1, 2]
    assert all(0 <= seconds < 1 for *_, seconds in seen)


async def test_an_open_breaker_is_found_before_waiting_for_a_place(server: Serve) -> None:
    settings = replace(QUERY_CLIENT, bulkhead=BulkheadSettings(limit=1, queue=5, max_wait_s=5))
    async with client_of(server, settings=settings) as client, client.bulkhead.slot():
        for _ in range(7):
            client.groups["all"].acquire().failure()
        begun_s = asyncio.get_running_loop().time()
        with pytest.raises(DependencyUnavailable):
            await get(client, left_s=1)
        assert asyncio.get_running_loop().time() - begun_s < 0.5


async def test_a_slow_replica_is_given_up_for_a_fast_one(
    server: Serve, other_server: Serve, http_reply: Callable[..., bytes]
) -> None:
    async def slowly(seen: Any) -> bytes:
        await asyncio.sleep(0.03)
        return http_reply()

    server.answer = slowly
    policy = CallPolicy(attempt_timeout_s=2, slow_after_s=0.02)
    async with client_of(server, other_server) as client:
        for _ in range(60):
            assert (await get(client, policy)).status == 200
        assert [replica.breaker.state for replica in client.replicas.current()] == ["open", "closed"]
        assert len(server.seen) < 20


async def test_a_callers_own_stall_condemns_no_replica(server: Serve, other_server: Serve) -> None:
    async with client_of(server, other_server) as client:
        for _ in range(10):
            calls = [asyncio.create_task(get(client)) for _ in range(8)]
            await asyncio.sleep(0.002)
            time.sleep(0.25)  # noqa: ASYNC251  # every attempt's time of 0.1 s passes here
            await asyncio.gather(*calls, return_exceptions=True)
        assert [replica.breaker.state for replica in client.replicas.current()] == ["closed", "closed"]


async def test_replicas_that_come_and_go_under_calls_cost_no_answer(server: Serve, other_server: Serve) -> None:
    chance = random.Random(17)
    third = type(server)()
    await third.start()
    name, urls = DnsName("query", 80), [server.url, other_server.url, third.url]

    async def slowly(seen: object) -> bytes:
        await asyncio.sleep(chance.choice([0, 0.001, 0.01]))
        return b"HTTP/1.1 200 X\r\nContent-Length: 2\r\n\r\n{}"

    for one in (server, other_server, third):
        one.answer = slowly
    client = OutboundClient("query-service", "dns+http://query:80", QUERY_CLIENT)
    seen: set[Replica] = set()
    try:
        calls = []
        for _ in range(400):
            client.replicas.update(name, tuple(chance.sample(urls, chance.randint(1, 3))))
            seen.update(client.replicas.current())
            calls.append(asyncio.create_task(get(client, READ)))
            await asyncio.sleep(0.001)
        assert {answer.status for answer in await asyncio.gather(*calls)} == {200}
        assert {replica.breaker.in_flight for replica in seen} == {0}
        assert client.bulkhead.in_flight == 0
    finally:
        await client.close()
        await third.stop()
