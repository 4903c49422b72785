"""The client while whole server processes are killed and paused: nobody notices while one is left."""

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from holdfast.resilience.client import OutboundClient
from holdfast.resilience.deadline import Deadline
from holdfast.resilience.dependencies import Dependencies
from holdfast.resilience.errors import DependencyUnavailable
from holdfast.resilience.policy import CallPolicy
from holdfast.resilience.settings import CHECKOUT, QUERY_CLIENT, READ
from holdfast.resilience.wire import Answer

Processes = Any  # the conftest's pair of server processes


@asynccontextmanager
async def started(processes: Processes) -> AsyncIterator[OutboundClient]:
    client = OutboundClient("query-service", ",".join(process.url for process in processes), QUERY_CLIENT)
    await client.start()
    try:
        yield client
    finally:
        await client.close()


async def call(client: OutboundClient, policy: CallPolicy = READ, left_s: float = 0.8) -> Answer:
    return await client.request("POST", "/x", content=b"{}", deadline=Deadline.after(left_s), policy=policy)


async def until(condition: Callable[[], bool], *, within_s: float) -> float:
    """Wait until it is so; the seconds that took."""
    loop = asyncio.get_running_loop()
    begun_s = loop.time()
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    return loop.time() - begun_s


def states(client: OutboundClient) -> list[str]:
    return [replica.breaker.state for replica in client.replicas.current()]


async def shop(client: OutboundClient, seconds: float, rate: float) -> list[Answer | BaseException]:
    """Open arrivals: a call each 1/rate seconds, whatever becomes of the ones before."""
    tasks = []
    for _ in range(int(seconds * rate)):
        tasks.append(asyncio.create_task(call(client)))
        await asyncio.sleep(1 / rate)
    return await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.parametrize("fault", [signal.SIGSTOP, signal.SIGKILL])
async def test_with_one_of_two_paused_or_killed_every_call_is_answered_and_both_are_used_again(
    processes: Processes, fault: signal.Signals
) -> None:
    async with started(processes) as client:
        await shop(client, 0.3, 40)
        processes[0].signal(fault)
        during = asyncio.create_task(shop(client, 2, 40))
        assert await until(lambda: states(client)[0] == "open", within_s=5) < 2
        ends = await during
        assert [end for end in ends if not isinstance(end, Answer)] == []
        assert sum(isinstance(end, Answer) and end.attempts == 2 for end in ends) < 30
        if fault is signal.SIGSTOP:
            processes[0].signal(signal.SIGCONT)
        else:
            processes[0].kill()
            processes[0].start()
        after = asyncio.create_task(shop(client, 5, 20))  # one late probe, and it gets no call for three seconds
        await until(lambda: states(client) == ["closed", "closed"], within_s=10)
        ends = await after
        assert [end for end in ends if not isinstance(end, Answer)] == []
        shares = Counter([(await call(client)).replica for _ in range(100)])
        assert min(shares.values()) > 20


async def test_a_checkout_on_a_paused_replica_is_repeated_at_the_other_once_its_probes_are_missed(
    processes: Processes,
) -> None:
    async with started(processes) as client:
        await asyncio.sleep(0.3)
        processes[0].signal(signal.SIGSTOP)
        answers = await asyncio.gather(*(call(client, CHECKOUT, 1.5) for _ in range(6)))
        processes[0].signal(signal.SIGCONT)
    assert {answer.replica for answer in answers} == {processes[1].url.removeprefix("http://")}
    assert {answer.attempts for answer in answers} == {1, 2}


async def test_with_all_gone_calls_fail_at_once_and_it_recovers_by_itself(processes: Processes) -> None:
    async with started(processes) as client:
        dependencies = Dependencies("gateway")
        dependencies.add(client)
        assert dependencies.healthy("query-service")
        for process in processes:
            process.kill()
        await until(lambda: states(client) == ["open", "open"], within_s=3)
        assert not dependencies.healthy("query-service")
        begun_s = asyncio.get_running_loop().time()
        with pytest.raises(DependencyUnavailable) as caught:
            await call(client)
        assert asyncio.get_running_loop().time() - begun_s < 0.5
        assert caught.value.reason == "breaker-open"
        for process in processes:
            process.start()
        await until(lambda: sorted(states(client)) == ["closed", "half-open"], within_s=6)
        async with asyncio.timeout(6):  # one is back at its first answer, the other on trial
            while states(client) != ["closed", "closed"]:
                await call(client)


async def test_a_names_replicas_are_found_in_the_background(processes: Processes) -> None:
    client = OutboundClient("query-service", f"dns+http://localhost:{processes[0].port}", QUERY_CLIENT)
    with pytest.raises(DependencyUnavailable) as caught:
        await call(client)
    assert caught.value.reason == "no-replica"
    await client.start()
    try:
        await until(lambda: len(client.replicas.current()) > 0, within_s=5)
        # localhost may also be ::1, where nobody listens: the other one answers then.
        assert {(await call(client)).replica for _ in range(5)} == {f"127.0.0.1:{processes[0].port}"}
    finally:
        await client.close()
