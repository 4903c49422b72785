"""What this service does without protections: attempts, their time, and the watch that is its probe."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx

from holdfast.resilience.protections import ALL

REAL = {"elasticsearch_timeout_s": 0.2, "total_s": 0.8, "freshness_every_s": 0.1}
SwitchOff = Callable[..., None]


class Refusing:
    """A server in Elasticsearch's place that has a full queue for whatever it is asked."""

    def __init__(self) -> None:
        self.searches = 0

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        self.searches += b"_search" in head.split(b"\r\n")[0]
        writer.write(
            b"HTTP/1.1 429 Too Many Requests\r\nX-Elastic-Product: Elasticsearch\r\nConnection: close\r\n"
            b"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
        )
        writer.close()


async def attempts_of(client: httpx.AsyncClient) -> dict[str, float]:
    lines = (await client.get("/metrics")).text.splitlines()
    counts = [line.split(" ") for line in lines if line.startswith("query_elasticsearch_attempts_total{")]
    return {name.split('"')[1]: float(count) for name, count in counts}


async def test_without_a_retry_budget_a_failing_store_is_asked_three_times(
    shop: Any, serve: Any, switch_off: SwitchOff
) -> None:
    store = Refusing()
    server = await asyncio.start_server(store.answer, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, serve(shop, elasticsearch_url=url, freshness_every_s=10) as client:
        assert (await client.get("/api/products")).status_code == 503
        assert (store.searches, await attempts_of(client)) == (1, {"1": 1})
        switch_off("retry-budget")
        assert (await client.get("/api/products")).status_code == 503
        assert (store.searches, await attempts_of(client)) == (4, {"1": 2, "2": 1, "3": 1})


async def test_without_any_protection_a_call_may_take_a_second(
    shop: Any, serve: Any, link: Any, switch_off: SwitchOff
) -> None:
    async with serve(shop, elasticsearch_url=link.url, **REAL) as client:
        await _answering(client)
        for off, status in (((), 503), (ALL, 200)):
            switch_off(*off)
            link.pause()
            asyncio.get_running_loop().call_later(0.5, link.resume)
            assert (await client.get("/api/products")).status_code == status
            await _answering(client)


async def test_without_probes_only_calls_open_the_breaker_and_freshness_is_watched_on(
    shop: Any, serve: Any, link: Any, switch_off: SwitchOff
) -> None:
    async with serve(shop, elasticsearch_url=link.url, **REAL) as client:
        await _answering(client)
        switch_off("probe")
        link.pause()
        await asyncio.sleep(1.5)  # far more than three looks
        assert (await client.get("/readyz")).status_code == 503
        assert (await client.get("/status")).json()["dependencies"][0]["breaker"] == "closed"
        switch_off()
        async with asyncio.timeout(10):
            while (await client.get("/status")).json()["dependencies"][0]["breaker"] != "open":  # noqa: ASYNC110
                await asyncio.sleep(0.05)


async def _answering(client: httpx.AsyncClient) -> None:
    async with asyncio.timeout(10):
        while (await client.get("/api/products")).status_code != 200:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
