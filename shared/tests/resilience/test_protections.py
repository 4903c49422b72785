"""Each protection on and off, on the real code path: what changes, and that the next call already feels it."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from holdfast.resilience.admission import Admission, Priority
from holdfast.resilience.breaker import CircuitBreaker
from holdfast.resilience.bulkhead import Bulkhead
from holdfast.resilience.client import OutboundClient
from holdfast.resilience.clock import FakeClock
from holdfast.resilience.deadline import Deadline
from holdfast.resilience.errors import BulkheadFull, DeadlineExceeded, DependencyUnavailable, Overloaded
from holdfast.resilience.policy import CallPolicy
from holdfast.resilience.protections import ALL, Protections, UnknownProtection, parse_protections
from holdfast.resilience.settings import (
    QUERY_CLIENT,
    AdmissionSettings,
    BreakerSettings,
    BulkheadSettings,
    ProbeSettings,
)
from holdfast.resilience.wire import Answer

PATIENT = CallPolicy(attempt_timeout_s=2)
ONCE = CallPolicy(attempt_timeout_s=2, retry=False)
HASTY = CallPolicy(attempt_timeout_s=0.1)
SwitchOff = Callable[..., None]
Serve = Any  # the conftest's scripted server


@asynccontextmanager
async def client_of(server: Serve, *, probes: bool = False, **settings: Any) -> AsyncIterator[OutboundClient]:
    patient = replace(QUERY_CLIENT, connect_timeout_s=5)  # the server is in this loop too, and many call at once
    client = OutboundClient("query-service", server.url, replace(patient, **settings))
    if probes:
        await client.start()
    try:
        yield client
    finally:
        await client.close()


async def get(client: OutboundClient, policy: CallPolicy = PATIENT, *, left_s: float = 5) -> Answer:
    return await client.request("GET", "/api/products", deadline=Deadline.after(left_s), policy=policy)


async def ended(*calls: Awaitable[object]) -> list[Any]:
    return list(await asyncio.gather(*calls, return_exceptions=True))


async def until(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not happened():  # noqa: ASYNC110  # what is waited for happens in a server
            await asyncio.sleep(0.005)


def hang(server: Serve, seconds: float = 5) -> None:
    async def answer(_seen: Any) -> bytes:
        await asyncio.sleep(seconds)
        return b"HTTP/1.1 200 X\r\nContent-Length: 2\r\n\r\n{}"

    server.answer = answer


def test_a_list_names_protections_and_forgives_spaces() -> None:
    assert parse_protections(" breaker, ,retry-budget,breaker ") == {"breaker", "retry-budget"}
    assert parse_protections("") == set()
    with pytest.raises(UnknownProtection, match="'breakers' is no protection; there are deadline, breaker, bulkhead"):
        parse_protections("cache,breakers")


def test_exactly_those_are_off_that_were_switched_off_last() -> None:
    protections = Protections()
    assert protections.off == []
    protections.switch_off(["cache", "breaker"])
    assert protections.off == ["breaker", "cache"]
    protections.switch_off(["probe"])
    assert [name for name in ALL if name not in protections.on] == ["probe"]


@pytest.mark.parametrize("left", ALL)
async def test_an_attempt_waits_for_a_second_only_once_nothing_is_on(
    server: Serve, switch_off: SwitchOff, left: Any
) -> None:
    hang(server, 0.4)
    async with client_of(server) as client:
        switch_off(*set(ALL) - {left})
        with pytest.raises(DependencyUnavailable):
            await get(client, HASTY)
        switch_off(*ALL)
        assert (await get(client, HASTY)).status == 200


async def test_an_attempt_without_a_limit_of_its_own_has_a_second_once_nothing_is_on(
    server: Serve, switch_off: SwitchOff
) -> None:
    hang(server, 1.3)
    checkout = CallPolicy(attempt_timeout_s=None, repeatable=False)
    async with client_of(server) as client:
        switch_off(*set(ALL) - {"probe"})
        assert (await get(client, checkout)).status == 200
        switch_off(*ALL)
        with pytest.raises(DependencyUnavailable, match="timeout"):
            await get(client, checkout)


async def test_without_bulkheads_hanging_calls_pile_up_beyond_any_limit(
    server: Serve, http_reply: Callable[..., bytes], switch_off: SwitchOff
) -> None:
    enough = asyncio.Event()

    async def answer(_seen: Any) -> bytes:
        await enough.wait()
        return http_reply()

    server.answer = answer
    patient = CallPolicy(attempt_timeout_s=10, retry=False)
    async with client_of(server, bulkhead=BulkheadSettings(limit=4, queue=0)) as client:
        protected = [asyncio.create_task(get(client, patient, left_s=10)) for _ in range(30)]
        await until(lambda: sum(call.done() for call in protected) == 26 and len(server.seen) == 4)
        assert all(isinstance(call.exception(), BulkheadFull) for call in protected if call.done())
        switch_off("bulkhead")
        unprotected = [asyncio.create_task(get(client, patient, left_s=10)) for _ in range(30)]
        await until(lambda: len(server.seen) == 34)
        assert client.bulkhead.in_flight == 34
        enough.set()
        assert {answer.status for answer in await asyncio.gather(*unprotected)} == {200}
        await ended(*protected)


async def test_a_bulkhead_that_is_on_again_shrinks_to_its_limit_before_anyone_enters(switch_off: SwitchOff) -> None:
    bulkhead = Bulkhead("store", BulkheadSettings(limit=1, queue=5, max_wait_s=1))
    leave, inside = asyncio.Event(), 0

    async def hold(ends: asyncio.Event) -> None:
        nonlocal inside
        async with bulkhead.slot():
            inside += 1
            await ends.wait()

    switch_off("bulkhead")
    over = [asyncio.create_task(hold(leave)) for _ in range(3)]
    await asyncio.sleep(0)
    switch_off()
    late = asyncio.Event()
    waiting = [asyncio.create_task(hold(late)) for _ in range(2)]
    await asyncio.sleep(0.01)
    assert (bulkhead.in_flight, bulkhead.waiting) == (3, 2)
    leave.set()
    await asyncio.gather(*over)
    await asyncio.sleep(0)
    assert (bulkhead.in_flight, bulkhead.waiting, inside) == (1, 1, 4)
    late.set()
    await asyncio.gather(*waiting)
    assert bulkhead.in_flight == 0


async def test_without_a_breaker_every_call_goes_out_and_its_state_is_shown_all_the_same(
    server: Serve, switch_off: SwitchOff
) -> None:
    server.always(500)
    async with client_of(server) as client:
        await ended(*(get(client, ONCE) for _ in range(8)))
        with pytest.raises(DependencyUnavailable, match="breaker-open"):
            await get(client, ONCE)
        reached = len(server.seen)
        switch_off("breaker")
        assert (await get(client, ONCE)).status == 500
        assert len(server.seen) == reached + 1
        assert client.groups["all"].state == "open"
        switch_off()
        with pytest.raises(DependencyUnavailable, match="breaker-open"):
            await get(client, ONCE)


def test_calls_past_an_open_breaker_are_counted_and_move_nothing(switch_off: SwitchOff) -> None:
    clock = FakeClock()
    breaker = CircuitBreaker("store", BreakerSettings(jitter=0, half_open_permits=2), clock=clock)
    switch_off("breaker")
    for _ in range(7):
        breaker.acquire().failure()
    for _ in range(7):
        breaker.acquire().success()
    assert (breaker.state, breaker.retry_after_s, breaker.snapshot().error_rate) == ("open", 1, 0.5)
    clock.advance(1)
    permits = [breaker.acquire() for _ in range(4)]
    assert breaker.state == "half-open"
    permits[3].failure()  # one more than half-open lets through: it is not asked
    permits[0].success()
    permits[1].success()
    permits[2].success()
    assert (breaker.state, breaker.in_flight) == ("closed", 0)


async def test_without_probes_nobody_asks_and_the_breaker_half_opens_by_its_time_alone(
    server: Serve, switch_off: SwitchOff
) -> None:
    probe = ProbeSettings(interval_s=0.02)
    async with client_of(server, probes=True, probe=probe, breaker=BreakerSettings(open_s=0.05)) as client:
        await asyncio.sleep(0.2)
        asked = server.probes
        assert asked > 2
        switch_off("probe")
        await asyncio.sleep(0.05)  # one may be under way
        asked = server.probes
        server.always(500)
        await ended(*(get(client, ONCE) for _ in range(8)))
        assert client.groups["all"].state == "open"
        server.always(200)
        await asyncio.sleep(0.1)
        assert [(await get(client)).status for _ in range(3)] == [200, 200, 200]
        assert client.groups["all"].state == "closed"
        assert server.probes == asked


async def test_without_probes_nothing_ends_a_call_to_a_lost_replica(server: Serve, switch_off: SwitchOff) -> None:
    patient = CallPolicy(attempt_timeout_s=None, retry=False, ends_when_lost=True)
    probe = ProbeSettings(interval_s=0.02, limit_s=0.02)
    hang(server)
    server.alive = False
    for off, reason in (((), "lost"), (("probe",), "no time left")):
        switch_off(*off)
        async with client_of(server, probes=True, probe=probe) as client:
            (error,) = await ended(get(client, patient, left_s=0.7))
            assert reason in str(error)


@pytest.mark.parametrize(("status", "headers"), [(500, {}), (503, {}), (503, {"Retry-After": "1"}), (429, {})])
async def test_without_a_budget_three_attempts_are_made_whatever_the_failure(
    server: Serve, http_reply: Callable[..., bytes], switch_off: SwitchOff, status: int, headers: dict[str, str]
) -> None:
    async def answer(_seen: Any) -> bytes:
        return http_reply(status, b"{}", **headers)

    server.answer = answer
    async with client_of(server) as client:
        await ended(get(client))
        assert len(server.seen) == 1  # there is no other replica
        switch_off("retry-budget")
        assert (await get(client)).attempts == 3
    assert len(server.seen) == 4
    assert [seen.headers.get("x-attempt") for seen in server.seen[1:]] == [None, "2", "3"]


async def test_without_a_budget_repeats_go_on_when_everything_fails(server: Serve, switch_off: SwitchOff) -> None:
    server.always(500)
    switch_off("retry-budget", "breaker")
    async with client_of(server) as client:
        await asyncio.gather(*(get(client) for _ in range(30)))
    assert len(server.seen) == 90


async def test_without_a_budget_a_call_that_may_happen_twice_is_still_not_repeated(
    server: Serve, switch_off: SwitchOff
) -> None:
    server.always(500)
    switch_off("retry-budget")
    async with client_of(server) as client:
        await get(client, CallPolicy(2, repeatable=False))
        assert len(server.seen) == 1
        await server.stop()  # nothing can have been sent now
        with pytest.raises(DependencyUnavailable) as error:
            await get(client, CallPolicy(2, repeatable=False))
        assert error.value.reason == "connect"


async def test_without_a_budget_a_call_still_ends_by_its_deadline(server: Serve, switch_off: SwitchOff) -> None:
    hang(server)
    switch_off("retry-budget")
    async with client_of(server) as client:
        begun_s = time.monotonic()
        with pytest.raises((DeadlineExceeded, DependencyUnavailable)):
            await get(client, HASTY, left_s=0.25)
        assert time.monotonic() - begun_s < 1
        assert len(server.seen) in (2, 3)


async def test_without_a_budget_a_lost_service_ends_the_repeats(server: Serve, switch_off: SwitchOff) -> None:
    switch_off("retry-budget")
    async with client_of(server) as client:

        async def lost_meanwhile(_seen: Any) -> bytes:
            for _ in range(3):
                client.replicas.current()[0].probe_missed()
            return b"HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n"

        server.answer = lost_meanwhile
        assert (await get(client)).attempts == 1
    assert len(server.seen) == 1


async def test_without_a_budget_the_breaker_still_ends_the_repeats(server: Serve, switch_off: SwitchOff) -> None:
    server.always(500)
    switch_off("retry-budget")
    async with client_of(server, breaker=BreakerSettings(failures_in_a_row=2)) as client:
        await ended(*(get(client) for _ in range(2)))
        with pytest.raises(DependencyUnavailable, match="breaker-open"):
            await get(client)
    assert len(server.seen) == 6  # three for each call that was let through


async def test_without_deadlines_none_is_sent(server: Serve, switch_off: SwitchOff) -> None:
    async with client_of(server) as client:
        await get(client)
        switch_off("deadline")
        await get(client)
    assert ["x-request-timeout-ms" in seen.headers for seen in server.seen] == [True, False]


async def test_without_shedding_a_full_process_takes_on_more(switch_off: SwitchOff) -> None:
    admission = Admission(AdmissionSettings(first=20, queue=0))
    async with admission_filled(admission, 10):
        with pytest.raises(Overloaded):
            async with admission.slot(Priority.RECOMMENDATIONS, 0.8):
                pass
        switch_off("shedding")
        async with admission_filled(admission, 50):
            assert admission.in_flight == 60
        switch_off()
        with pytest.raises(Overloaded):
            async with admission.slot(Priority.RECOMMENDATIONS, 0.8):
                pass
    assert admission.in_flight == 0


@asynccontextmanager
async def admission_filled(admission: Admission, calls: int) -> AsyncIterator[None]:
    async with admission.slot(Priority.RECOMMENDATIONS, 0.8):
        if calls == 1:
            yield
        else:
            async with admission_filled(admission, calls - 1):
                yield
