"""The active probe against real sockets."""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from holdfast.resilience.addresses import Addresses
from holdfast.resilience.clock import FakeClock
from holdfast.resilience.probe import Prober, spread
from holdfast.resilience.replicas import Replicas
from holdfast.resilience.settings import BreakerSettings, ProbeSettings
from holdfast.resilience.wire import Wire

Serve = Any


class Probed:
    """One replica with its prober, on a clock that the test moves."""

    def __init__(self, url: str, limit_s: float = 0.05) -> None:
        self.clock = FakeClock()
        settings = ProbeSettings(interval_s=0.02, limit_s=limit_s)
        self.replicas = Replicas("query", Addresses((url,), ()), BreakerSettings(), settings, clock=self.clock)
        wire = Wire(connect_timeout_s=0.1, keep_alive_s=4, connections=0, max_answer_bytes=1000)
        self.prober = Prober(self.replicas, settings, wire)

    @property
    def state(self) -> str:
        return self.replicas.current()[0].breaker.state

    @property
    def slowest_s(self) -> float:
        return self.replicas.current()[0].pace.slowest_s


@pytest.fixture
async def probed(server: Serve) -> AsyncIterator[Probed]:
    one = Probed(server.url)
    yield one
    await one.prober.stop()


async def test_three_unanswered_probes_lose_a_replica_and_the_only_one_is_back_with_the_next_answer(
    server: Serve, probed: Probed
) -> None:
    server.alive = False
    await probed.prober.round()
    await probed.prober.round()
    assert probed.state == "closed"
    await probed.prober.round()
    assert probed.state == "open"
    probed.clock.advance(2)
    await probed.prober.round()
    assert probed.state == "open"
    server.alive = True
    await probed.prober.round()
    assert probed.state == "closed"


async def test_a_refused_connection_is_a_miss(server: Serve, probed: Probed) -> None:
    await server.stop()
    for _ in range(3):
        await probed.prober.round()
    assert probed.state == "open"


@pytest.mark.parametrize(("status", "state"), [(200, "closed"), (404, "closed"), (500, "open"), (503, "open")])
async def test_any_answer_under_500_shows_a_living_process(
    server: Serve, probed: Probed, http_reply: Any, status: int, state: str
) -> None:
    async def answer(seen: object) -> bytes:
        return http_reply(status)  # type: ignore[no-any-return]

    server._answered = answer
    for _ in range(3):
        await probed.prober.round()
    assert probed.state == state


async def test_a_stall_of_this_process_says_nothing_about_the_replica(server: Serve, probed: Probed) -> None:
    server.alive = False
    for _ in range(4):
        asyncio.get_running_loop().call_later(0.03, time.sleep, 0.2)  # the loop stands still over the limit
        await probed.prober.round()
    assert probed.state == "closed"


async def test_what_an_answered_probe_takes_is_remembered(server: Serve, probed: Probed, http_reply: Any) -> None:
    async def late(seen: object) -> bytes:
        await asyncio.sleep(0.03)
        return http_reply()  # type: ignore[no-any-return]

    await probed.prober.round()
    assert probed.slowest_s == 0.02
    server._answered = late
    await probed.prober.round()
    assert 0.025 <= probed.slowest_s < 0.3


async def test_a_missed_probe_counts_as_one_that_took_all_its_time(server: Serve, probed: Probed) -> None:
    server.alive = False
    await probed.prober.round()
    assert probed.slowest_s == 0.05


async def test_a_replica_that_takes_no_connection_is_the_last_choice_until_it_answers_a_probe(
    server: Serve, probed: Probed
) -> None:
    await probed.prober.round()
    port = server.port
    await server.stop()
    await probed.prober.round()
    assert probed.slowest_s == math.inf
    await server.start(port)
    await probed.prober.round()
    assert probed.slowest_s == 0.02


async def test_a_connection_not_made_while_this_process_stood_still_is_a_miss_and_no_more(full_backlog: str) -> None:
    probed = Probed(full_backlog, limit_s=0.5)
    asyncio.get_running_loop().call_later(0.03, time.sleep, 0.2)  # over the connection's limit
    await probed.prober.round()
    assert probed.slowest_s == 0.5
    for _ in range(2):
        await probed.prober.round()
    assert (probed.state, probed.slowest_s) == ("open", math.inf)
    await probed.prober.stop()


async def test_with_probes_switched_off_nothing_is_known(
    server: Serve, probed: Probed, switch_off: Callable[..., None]
) -> None:
    probed.replicas.current()[0].pace.took(0.04)
    switch_off("probe")
    probed.prober.start()
    async with asyncio.timeout(5):
        while probed.slowest_s != 0.02:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
    assert server.probes == 0


def test_probes_do_not_keep_time_with_anything() -> None:
    pauses = [spread(0.25) for _ in range(1000)]
    assert 0.15 <= min(pauses) < 0.16
    assert 0.34 < max(pauses) <= 0.35
    assert 0.24 < sum(pauses) / 1000 < 0.26


async def test_it_probes_in_the_background_until_stopped(server: Serve, probed: Probed) -> None:
    probed.prober.start()
    async with asyncio.timeout(5):
        while server.probes < 5:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
    await probed.prober.stop()
    probes = server.probes
    await asyncio.sleep(0.06)
    assert server.probes == probes
