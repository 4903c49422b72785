"""The relay as the process that a supervisor starts, and the named commands."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import httpx
import pytest

from command_service.codec import CART
from command_service.domain.events import CartCleared
from command_service.entrypoints import requeue, verify
from holdfast.eventstore import Append, Metadata, append, lock_streams
from holdfast.resilience.deadline import Deadline
from holdfast.testing.credentials import AsService

pytestmark = pytest.mark.stores
CUSTOMER = "0194f1c2-7d1e-7b3a-9d55-1c2e4f6a8b90"


class Process:
    """A relay process of the test's."""

    def __init__(self, popen: subprocess.Popen[bytes], port: int) -> None:
        self.popen = popen
        self.url = f"http://127.0.0.1:{port}"

    async def status(self) -> dict[str, object]:
        try:
            async with httpx.AsyncClient(timeout=1) as client:
                return (await client.get(f"{self.url}/status", auth=AsService("tools", "outbox-relay"))).json()
        except httpx.HTTPError:
            return {}

    async def leads(self) -> bool:
        return bool((await self.status()).get("leads"))

    async def exit_code(self, within_s: float = 20) -> int:
        return await asyncio.to_thread(self.popen.wait, within_s)


async def until(true: Callable[[], Awaitable[bool]], within_s: float = 40) -> None:
    async with asyncio.timeout(within_s):
        while not await true():  # noqa: ASYNC110 - another process' state
            await asyncio.sleep(0.05)


@asynccontextmanager
async def relay_process(plant, port: int) -> AsyncIterator[Process]:
    environment = {
        **os.environ,
        "POSTGRES_DSN": plant.dsn,
        "KAFKA_BOOTSTRAP": plant.bootstrap,
        "NAMESPACE": plant.namespace,
        "PORT": str(port),
    }
    command = [sys.executable, "-m", "command_service.entrypoints.relay"]
    popen = subprocess.Popen(command, env=environment)  # noqa: ASYNC220 - starting takes a millisecond
    try:
        yield Process(popen, port)
    finally:
        popen.kill()
        popen.wait(10)


async def add_to_cart(plant) -> None:
    async with plant.database.transaction(Deadline.after(5)) as tx:
        streams = await lock_streams(tx, [(CART, CUSTOMER)])
        (cart,) = streams.values()
        await append(tx, [Append(cart, [CartCleared()], owner=CUSTOMER)], Metadata())


async def test_a_paused_leader_is_replaced_and_ends_when_it_wakes(plant, unused_tcp_port_factory):
    async with (
        relay_process(plant, unused_tcp_port_factory()) as first,
        relay_process(plant, unused_tcp_port_factory()) as second,
    ):

        async def one_leads() -> bool:
            return await first.leads() or await second.leads()

        await until(one_leads)
        leader, standby = (first, second) if await first.leads() else (second, first)
        leader.popen.send_signal(signal.SIGSTOP)
        await until(standby.leads)  # after idle_session_timeout and the standby's next try
        await add_to_cart(plant)

        async def published() -> bool:
            return await plant.pending() == 0

        await until(published)
        leader.popen.send_signal(signal.SIGCONT)
        assert await leader.exit_code() == 1
        assert await standby.leads()
        standby.popen.terminate()
        assert await standby.exit_code() == 0
    assert await plant.versions() == {f"cart-{CUSTOMER}": [1]}


async def test_status_readiness_and_metrics_are_served(plant, unused_tcp_port):
    async with relay_process(plant, unused_tcp_port) as process, httpx.AsyncClient(base_url=process.url) as client:

        async def all_up() -> bool:
            if (await process.status()).get("state") != "up":
                return False
            return (await client.get("/readyz")).json()["dependencies"]["kafka"] == "up"

        await until(all_up)
        status = await process.status()
        ready, metrics = await client.get("/readyz"), await client.get("/metrics")
    assert (status["service"], status["leads"]) == ("outbox-relay", True)
    assert status["outbox"] == {"pending": 0, "oldest_s": 0.0}
    (kafka,) = status["dependencies"]
    assert (kafka["from"], kafka["to"], kafka["breaker"], kafka["limit"]) == ("outbox-relay", "kafka", "closed", 2)
    assert ready.json() == {"status": "ready", "dependencies": {"postgresql": "up", "kafka": "up"}}
    assert "holdfast_outbox_pending 0.0" in metrics.text


async def test_a_killed_leader_is_followed_by_one_that_publishes_the_rest(plant, unused_tcp_port):
    async with relay_process(plant, unused_tcp_port) as process:
        await until(process.leads)
        process.popen.kill()
        await process.exit_code()
    await add_to_cart(plant)
    async with relay_process(plant, unused_tcp_port):

        async def published() -> bool:
            return await plant.pending() == 0

        await until(published)


@pytest.fixture
def command(plant, monkeypatch, capsys):
    """Calls a command's `main` on the plant's database; returns exit code, stdout and stderr."""
    monkeypatch.setenv("POSTGRES_DSN", plant.dsn)

    async def call(main: Callable[[list[str]], int], *arguments: str) -> tuple[int, str, str]:
        try:
            code = await asyncio.to_thread(main, list(arguments))
        except SystemExit as refused:
            code = int(str(refused.code))
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


async def test_verify_tells_a_sound_store_from_a_damaged_one(plant, command):
    await add_to_cart(plant)
    counted = "1 streams, 1 events, 0 checkpoints, 1 events newer than the last"
    assert await command(verify.main) == (0, "", f"{counted}: no differences\n")
    await plant.query("UPDATE streams SET version = 7")
    code, out, err = await command(verify.main)
    assert (code, err) == (1, f"{counted}: 1 differences\n")
    assert out == f"cart-{CUSTOMER}: version stored as 7, events give 1\n"


async def test_requeue_queues_a_stream_or_a_kind(plant, command):
    await add_to_cart(plant)
    await plant.query("DELETE FROM outbox")
    assert await command(requeue.main, f"cart-{CUSTOMER}") == (0, f"cart-{CUSTOMER}: 1 events queued\n", "")
    assert await command(requeue.main, "--kind", "cart") == (0, "cart: 1 streams, 1 events queued\n", "")
    assert await plant.pending() == 2


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["cart-nobody"], 1, "holdfast-requeue: there is no stream cart-nobody\n"),
        ([], 2, "one of the arguments STREAM --kind is required\n"),
        (["--kind", "boat"], 2, "(choose from 'cart', 'customer', 'order', 'product')\n"),
    ],
)
async def test_requeue_refuses_what_is_not_there(command, arguments, code, said):
    exit_code, out, err = await command(requeue.main, *arguments)
    assert (exit_code, out) == (code, "")
    assert err.endswith(said)


@pytest.mark.parametrize(("main", "arguments"), [(verify.main, []), (requeue.main, ["cart-1"])])
async def test_without_postgres_a_command_says_so_in_one_line(command, monkeypatch, unused_tcp_port, main, arguments):
    monkeypatch.setenv("POSTGRES_DSN", f"postgresql://nobody@127.0.0.1:{unused_tcp_port}/x")
    code, out, err = await command(main, *arguments)
    assert (code, out) == (2, "")
    assert "PostgreSQL is not available" in err
    assert err.count("\n") == 1
