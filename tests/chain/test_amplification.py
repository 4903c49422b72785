"""How many calls reach the end of the chain for one that a shopper makes, while that end hangs: gateway → query-service
→ Elasticsearch, as the processes that the shop runs, switched live.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from httpx_aiohttp import AiohttpTransport

from holdfast.resilience.protections import ALL, NAIVE_ATTEMPTS
from holdfast.service.keys import DEMO_PRIVATE_KEY
from holdfast.service.tokens import TokenSigner
from holdfast.testing.processes import ServiceProcess

ADMIN = TokenSigner(DEMO_PRIVATE_KEY).sign("0193f0a0-0000-7000-8000-000000000001", "admin", datetime.now(UTC))[0]


class HangingStore:
    """A server in Elasticsearch's place: it knows no index, and never answers a search."""

    def __init__(self) -> None:
        self.searches = 0
        self.url = ""
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()

    async def settled(self) -> int:
        """The searches so far, once no more have come for longer than an attempt and its pause take."""
        seen = -1
        while seen != self.searches:
            seen = self.searches
            await asyncio.sleep(1.5)
        return seen

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                length = [line for line in head.lower().split("\r\n") if line.startswith("content-length:")]
                await reader.readexactly(int(length[0].partition(":")[2]) if length else 0)
                if "_search" in head.split(" ")[1]:
                    self.searches += 1
                    await reader.read()  # until the caller hangs up
                writer.write(
                    b"HTTP/1.1 404 Not Found\r\nX-Elastic-Product: Elasticsearch\r\n"
                    b"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
                )
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@dataclass(frozen=True)
class Chain:
    """The gateway, two query-services and what they call."""

    http: httpx.AsyncClient
    store: HangingStore

    async def switch(self, wanted: dict[str, Any]) -> dict[str, list[str]]:
        """What each process has off afterwards."""
        headers = {"Authorization": f"Bearer {ADMIN}"}
        answer = await self.http.put("/api/ops/protections", json=wanted, headers=headers)
        assert answer.status_code == 200, answer.text
        assert answer.json()["unreached"] == []
        return {process["replica"]: process["off"] for process in answer.json()["processes"]}

    async def reached_for(self, shoppers: int, every_s: float) -> int:
        """How many searches reach the store for so many shoppers, who come whatever became of those before."""
        before = self.store.searches
        calls = []
        for number in range(shoppers):
            calls.append(asyncio.create_task(self._search(f"{before}-{number}")))
            await asyncio.sleep(every_s)
        answers = await asyncio.gather(*calls)
        assert not any(answers), "a search was answered"
        return await self.store.settled() - before

    async def _search(self, words: str) -> bool:
        try:
            return (await self.http.get("/api/products", params={"q": words})).status_code == 200
        except httpx.HTTPError:
            return False  # no shopper waits for longer than 2 s


@pytest.fixture
async def chain(tmp_path: Path) -> AsyncIterator[Chain]:
    store = HangingStore()
    await store.start()
    with ExitStack() as started:

        def start(module: str, replica: str, **env: str) -> str:
            process = ServiceProcess(module, {"REPLICA": replica, **env}, tmp_path / f"{replica}.log").start()
            started.callback(process.kill)
            return process.url

        # Of command-service only this is asked for: no session has ended.
        revocations = await asyncio.start_server(_no_session_has_ended, "127.0.0.1", 0)
        command = f"http://127.0.0.1:{revocations.sockets[0].getsockname()[1]}"
        read = {"ELASTICSEARCH_URL": store.url, "COMMAND_URLS": command}
        urls = [await asyncio.to_thread(start, "query_service", name, **read) for name in ("query-1", "query-2")]
        watched = ",".join(f"query-{number}={url}" for number, url in enumerate(urls, 1))
        env = {"QUERY_URLS": ",".join(urls), "COMMAND_URLS": command, "STATUS_URLS": watched}
        env["WARM_CACHE"] = "false"  # it would search too
        gateway = await asyncio.to_thread(start, "gateway", "gateway-1", **env)
        transport = AiohttpTransport()
        async with httpx.AsyncClient(base_url=gateway, timeout=2, transport=transport, trust_env=False) as http:
            yield Chain(http, store)
    revocations.close()
    await store.stop()


async def _no_session_has_ended(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    body = b'{"items": [], "more": false}'
    with suppress(asyncio.IncompleteReadError, ConnectionError):
        while True:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n")
            writer.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
    writer.close()


async def test_a_hanging_store_gets_nine_calls_a_shopper_without_containment_and_hardly_one_with_it(
    chain: Chain,
) -> None:
    assert await chain.reached_for(60, every_s=0.02) <= 1.1 * 60
    everywhere = ("gateway-1", "query-1", "query-2")
    assert await chain.switch({"containment": "off"}) == {replica: list(ALL) for replica in everywhere}
    assert await chain.reached_for(20, every_s=0.02) == NAIVE_ATTEMPTS**2 * 20
    assert await chain.switch({"off": []}) == {replica: [] for replica in everywhere}
    assert await chain.reached_for(60, every_s=0.02) <= 1.1 * 60
