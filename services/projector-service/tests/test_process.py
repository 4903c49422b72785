"""The process itself: it starts with everything down, tells so, and ends when told."""

import asyncio
import os
import signal
import sys
import time

import httpx

from holdfast.testing.credentials import AsService


async def test_it_stays_up_with_everything_down_and_ends_on_sigterm(unused_tcp_port: int) -> None:
    environment = os.environ | {
        "KAFKA_BOOTSTRAP": "127.0.0.1:1",
        "ELASTICSEARCH_URL": "http://127.0.0.1:1",
        "REPLICA": "p1",
        "PORT": str(unused_tcp_port),
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "projector_service", env=environment, stdout=asyncio.subprocess.DEVNULL
    )
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{unused_tcp_port}") as client:
            await _answers(client)
            ready = await client.get("/readyz")
            assert ready.json() == {"status": "ready", "dependencies": {"elasticsearch": "away", "kafka": "away"}}
            status = (await client.get("/status", auth=AsService("tools", "projector-service"))).json()
            assert status["state"] == "degraded"
            assert status["projection"] == {"lag_events": 0, "as_of": None}
            assert {line["to"] for line in status["dependencies"]} == {"elasticsearch", "kafka"}
            assert "projector_events_applied_total" in (await client.get("/metrics")).text
        assert process.returncode is None
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 20) == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_a_wrong_setting_ends_the_start_with_one_line() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "projector_service",
        env=os.environ | {"POLL_RECORDS": "none"},
        stderr=asyncio.subprocess.PIPE,
    )
    _, err = await process.communicate()
    assert process.returncode == 2
    [line] = err.decode().splitlines()
    assert "POLL_RECORDS" in line


async def _answers(client: httpx.AsyncClient) -> None:
    ends_s = time.monotonic() + 45
    while True:
        try:
            if (await client.get("/healthz")).status_code == 200:
                return
        except httpx.TransportError:
            assert time.monotonic() < ends_s
        await asyncio.sleep(0.1)
