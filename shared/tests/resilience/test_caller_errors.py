"""A caller's doing is never a dependency's failure: it moves no breaker, no latency estimate and no retry budget."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from holdfast.resilience.client import OutboundClient
from holdfast.resilience.clock import FakeClock
from holdfast.resilience.deadline import Deadline
from holdfast.resilience.errors import (
    BulkheadFull,
    DeadlineExceeded,
    DependencyUnavailable,
    Overloaded,
    RateLimited,
    Reason,
    Unsendable,
)
from holdfast.resilience.outcome import Outcome, of_no_answer, of_refusal, of_status
from holdfast.resilience.policy import CallPolicy
from holdfast.resilience.settings import CART, CHECKOUT, QUERY_CLIENT, READ
from holdfast.service.problems import resilience_problem

Serve = Any
PATIENT = CallPolicy(attempt_timeout_s=10)


@pytest.fixture
async def client(server: Serve, other_server: Serve) -> AsyncIterator[OutboundClient]:
    urls, settings = f"{server.url},{other_server.url}", replace(QUERY_CLIENT, connect_timeout_s=5)
    one = OutboundClient("query-service", urls, settings, clock=FakeClock(), rng=random.Random(1))
    yield one
    await one.close()


def untouched(client: OutboundClient) -> None:
    """Nothing that a call moves has moved."""
    for breaker in (*client.groups.values(), *(replica.breaker for replica in client.replicas.current())):
        seen = breaker.snapshot()
        assert (seen.state, seen.in_flight, seen.error_rate, seen.p99_ms) == ("closed", 0, 0, None)
    assert [replica.pace.slowest_s for replica in client.replicas.current()] == [0.02, 0.02]
    assert (client.bulkhead.in_flight, client.bulkhead.waiting) == (0, 0)
    repeats = 0
    while client._budget.withdraw():
        repeats += 1
    assert repeats == 10  # the floor of a second times ten: neither earned nor spent


async def send(
    client: OutboundClient,
    path: str = "/api/products",
    *,
    method: str = "GET",
    policy: CallPolicy = PATIENT,
    **more: Any,
) -> int:
    answer = await client.request(method, path, deadline=Deadline.after(10), policy=policy, **more)
    return answer.status


@pytest.mark.parametrize(
    ("method", "path", "query"),
    [
        ("GET", "/api/products", "cursor=" + "{" * 25_000),
        ("DELETE", "/api/cart/items/" + "{" * 25_000, ""),
        ("GET", "/api/products", "q=" + "a" * 70_000),
        ("GET", "/" + "é" * 12_000, ""),
        ("GET", "/api/products/\ud800", ""),
        ("GET", "/api/products", "q=\udfff"),
        ("DELETE", "/api/cart/items/..", ""),
        ("DELETE", "/api/cart/items/.", ""),
        ("GET", "/api/../internal", "q=1"),
        ("GET", "/api/./products", ""),
        ("GET", "/..", ""),
        ("GET", "/api/products?", ""),
        ("GET", "//api/../x", ""),
        ("GET", "@127.0.0.1:1/", ""),
        ("GET", ".example", ""),
        ("GET", "", ""),
        ("GE T", "/", ""),
        ("GET\r\nX: y", "/", ""),
        ("", "/", ""),
    ],
)
async def test_what_cannot_be_sent_as_it_is_is_refused_and_nobodys_failure(
    client: OutboundClient, server: Serve, other_server: Serve, method: str, path: str, query: str
) -> None:
    for _ in range(20):
        with pytest.raises(Unsendable) as caught:
            await send(client, path, method=method, query=query)
    problem = resilience_problem(caught.value, edge=True)
    assert problem is not None
    assert (problem.status, problem.code) == (422, "invalid")
    assert len(problem.detail) < 300
    assert server.seen + other_server.seen == []
    untouched(client)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-Request-Id", "a\r\nX-Attempt: 9"),
        ("X-Request-Id", "a\nb"),
        ("X-Request-Id", "a\x00"),
        ("X-Request-Id", "\x1b[31m"),
        ("X-Request-Id", "a\x7f"),
        ("X-Request-Id", "\u2603"),
        ("X-Request-Id", "\ud800"),
        ("X Y", "a"),
        ("X:", "a"),
        ("X\n", "a"),
        ("", "a"),
        ("\xe9", "a"),
    ],
)
async def test_a_header_that_cannot_be_sent_is_refused_and_nobodys_failure(
    client: OutboundClient, server: Serve, other_server: Serve, name: str, value: str
) -> None:
    for _ in range(20):
        with pytest.raises(Unsendable):
            await send(client, headers=[("Accept", "*/*"), (name, value)])
    assert server.seen + other_server.seen == []
    untouched(client)


@pytest.mark.parametrize(
    "target",
    [
        "/api/products/%2e%2e",
        "/api/products/%2E%2e/x",
        "/api/products/.%2e",
        "/api//products",
        "//evil.example/x",
        "/api/products/...",
        "/api/products/..a",
        "/api/products/a%2Fb",
        "/api/products/%5c..%5c",
        "/api/products/a;b/..;/c",
        "/api/products/%41%7e%2d",
        "/api/products?q=/../.&r=%2e%2e/&s=%2B+",
        '/api/products?a[]=1&b={x}|^`"<>',
        "/api/products/\\..\\x",
        "/%zz%",
    ],
)
async def test_what_is_sent_is_what_was_asked_for(
    client: OutboundClient, server: Serve, other_server: Serve, target: str
) -> None:
    path, _, query = target.partition("?")
    assert await send(client, path, query=query) == 200
    (seen,) = server.seen + other_server.seen
    # What may not stand in a request line is percent-encoded, everything else goes byte for byte.
    plain = {character: f"%{ord(character):02X}" for character in '\\{}|^`"<>'}
    assert seen.target == "".join(plain.get(character, character) for character in target)


@given(st.text(st.sampled_from("/.%2eEfFaA?\\;:@{} é\t")), st.text(st.sampled_from("/.%2e&=?+ {")))
def test_every_target_arrives_unchanged_or_not_at_all(path: str, query: str) -> None:
    async def arrives() -> None:
        seen: list[bytes] = []

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            seen.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(b"HTTP/1.1 200 X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        client = OutboundClient("query-service", url, replace(QUERY_CLIENT, connect_timeout_s=5))
        try:
            with suppress(Unsendable):
                await send(client, path, query=query)
                target = f"{path}?{query}" if query else path
                for character in "\\{} é\t":
                    target = target.replace(character, "".join(f"%{byte:02X}" for byte in character.encode()))
                assert [head.split(b" ")[1].decode() for head in seen] == [target]
                return
            assert seen == []
        finally:
            await client.close()
            server.close()

    asyncio.run(arrives())


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 412, 414, 422, 425, 429, 431, 499])
async def test_a_refusal_says_nothing(client: OutboundClient, server: Serve, other_server: Serve, status: int) -> None:
    server.always(status)
    other_server.always(status)
    assert {await send(client) for _ in range(50)} == {status}
    untouched(client)


async def test_hanging_up_says_nothing(client: OutboundClient, server: Serve, other_server: Serve) -> None:
    async def hang(seen: object) -> bytes:
        await asyncio.sleep(5)
        return b""

    server.answer = other_server.answer = hang
    for step in range(30):
        calls = [asyncio.create_task(send(client, policy=policy)) for policy in (PATIENT, CHECKOUT)]
        await asyncio.sleep(step * 0.001)
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
    untouched(client)


@pytest.mark.parametrize("status", [None, 504])
async def test_a_short_deadline_says_nothing(
    client: OutboundClient, server: Serve, other_server: Serve, http_reply: Callable[..., bytes], status: int | None
) -> None:
    async def slow(seen: object) -> bytes:
        await asyncio.sleep(0.02 if status else 5)
        return http_reply(status or 200)

    server.answer = other_server.answer = slow
    for policy in (READ, CART, CHECKOUT):
        for _ in range(10):
            with suppress(DeadlineExceeded, DependencyUnavailable):
                await client.request("GET", "/x", deadline=Deadline.after(0.05), policy=policy)
    untouched(client)


REASONS: list[Reason] = ["connect", "reset", "timeout", "lost", "bad-answer"]


@given(st.integers(100, 599), st.booleans(), st.booleans())
def test_only_a_5xx_that_the_callers_deadline_does_not_explain_is_a_failure(
    status: int, retry_after: bool, had_time: bool
) -> None:
    outcome = of_status(status, retry_after, had_time=had_time)
    explained = (status == 503 and retry_after) or (status == 504 and not had_time)
    assert (outcome is Outcome.FAILURE) == (status >= 500 and not explained)
    assert (outcome is Outcome.SUCCESS) == (status < 400)


@given(st.sampled_from(REASONS), st.booleans(), st.booleans())
def test_no_answer_is_a_failure_only_in_fair_time(reason: Reason, fair: bool, had_time: bool) -> None:
    outcome = of_no_answer(reason, fair=fair, had_time=had_time)
    assert outcome is (Outcome.FAILURE if fair and (reason != "timeout" or had_time) else Outcome.NEUTRAL)


@pytest.mark.parametrize(
    ("error", "had_time", "outcome"),
    [
        (DeadlineExceeded("store"), True, Outcome.FAILURE),
        (DeadlineExceeded(), True, Outcome.FAILURE),
        (DeadlineExceeded("store"), False, Outcome.NEUTRAL),
        (DeadlineExceeded("another"), True, Outcome.NEUTRAL),
        (DependencyUnavailable("store"), False, Outcome.FAILURE),
        (DependencyUnavailable("another"), True, Outcome.NEUTRAL),
        (BulkheadFull("store"), True, Outcome.NEUTRAL),
        (Overloaded(), True, Outcome.NEUTRAL),
        (RateLimited(retry_after_s=1, limit=1), True, Outcome.NEUTRAL),
        (Unsendable("it is too long"), True, Outcome.NEUTRAL),
    ],
)
def test_a_protections_error_counts_only_where_it_is_the_dependencys_own(
    error: Any, had_time: bool, outcome: Outcome
) -> None:
    assert of_refusal(error, "store", had_time=had_time) is outcome
