"""How the adapter takes refusals, and answers of something that is no Elasticsearch."""

import asyncio
from typing import Any

import httpx
import orjson
import pytest

from holdfast.contracts.cursors import CursorInvalid, encode_cursor
from holdfast.resilience.deadline import Deadline
from holdfast.resilience.guard import Guard
from holdfast.resilience.settings import ELASTICSEARCH_GUARD
from query_service.adapters.elasticsearch import NAME, QueryRefused, ReadIndex, connect, judge
from query_service.search.products import ProductSearch

HEAD = "HTTP/1.1 {} X\r\nContent-Type: application/json\r\nX-Elastic-Product: Elasticsearch\r\n"
TROUBLED = '{"timed_out":true,"_shards":{"failed":0},"hits":{"hits":[],"total":{"value":0}},"docs":[{"error":{}}]}'


def answer(status: int, body: str) -> bytes:
    return f"{HEAD.format(status)}Content-Length: {len(body)}\r\n\r\n{body}".encode()


@pytest.mark.parametrize(
    "sent",
    [
        answer(500, "{}"),
        answer(503, '{"error":{"type":"search_phase_execution_exception"}}'),
        answer(429, "{}"),
        answer(401, "{}"),
        answer(403, "{}"),
        answer(408, "{}"),
        answer(200, "not json"),
        answer(200, TROUBLED),
        answer(200, "{}").replace(b"X-Elastic-Product: Elasticsearch\r\n", b""),
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
        b"\x00\xff garbage\r\n\r\n",
        b"",
    ],
)
async def test_an_answer_that_is_none_is_503(shop: Any, serve: Any, sent: bytes) -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(sent)
        writer.close()

    server = await asyncio.start_server(speak, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, serve(shop, elasticsearch_url=url) as client:
        for path in ("/api/products", "/api/products/p"):
            found: httpx.Response = await client.get(path)
            assert (found.status_code, found.json()["code"]) == (503, "dependency-unavailable"), path
        assert (await client.get("/readyz")).status_code == 503


@pytest.mark.parametrize("status", [400, 405, 406, 413, 414, 415, 422, 431])
async def test_what_is_refused_as_asked_is_the_askers_and_opens_no_breaker(shop: Any, serve: Any, status: int) -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        _, given, rest = head.partition(b"content-length:")
        await reader.readexactly(int(rest.partition(b"\r\n")[0]) if given else 0)
        writer.write(answer(status, '{"error":{"type":"x"}}').replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
        writer.close()

    server = await asyncio.start_server(speak, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    cursor = encode_cursor((2.0, "a"), ProductSearch(q="x").scope())
    async with server, serve(shop, elasticsearch_url=url) as client:
        for _ in range(20):
            refused: httpx.Response = await client.get("/api/products?q=x")
            assert (refused.status_code, refused.json()["code"]) == (422, "invalid")
            forged: httpx.Response = await client.get(f"/api/products?q=x&cursor={cursor}")
            assert (forged.status_code, forged.json()["code"]) == (400, "cursor-invalid")
        assert (await client.get("/status")).json()["dependencies"][0]["breaker"] == "closed"


async def test_a_search_that_elasticsearch_refuses_is_no_sign_that_it_is_away(shop: Any) -> None:
    client = connect(shop.url, timeout_s=5, connections=2)
    guard = Guard(NAME, ELASTICSEARCH_GUARD, classify=judge)
    index = ReadIndex(client, guard, shop.namespace, timeout_s=5)
    untouched = guard.breaker.snapshot()
    try:
        wrong = {"sort": [{"created_at": "desc"}], "search_after": ["x"]}
        for _ in range(20):  # more than the failures in a row that open a breaker, and than its smallest sample
            with pytest.raises(QueryRefused):
                await index.search("products", {"query": {"nonsense": {}}}, Deadline.after(10))
            with pytest.raises(CursorInvalid):
                await index.search("products", wrong, Deadline.after(10))
        assert guard.breaker.snapshot().error_rate == 0
        assert guard.breaker.snapshot() == untouched
        assert (await index.search("products", {"size": 0}, Deadline.after(10)))["hits"]["hits"] == []
    finally:
        await client.close()


async def test_elasticsearch_is_given_more_time_than_its_coarse_clock_takes_away(shop: Any) -> None:
    told: list[str] = []

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
        told.append(orjson.loads(await reader.readexactly(length))["timeout"])
        writer.write(answer(200, TROUBLED.replace("true", "false")))
        writer.close()

    server = await asyncio.start_server(speak, "127.0.0.1", 0)
    client = connect(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", timeout_s=0.2, connections=2)
    index = ReadIndex(client, Guard(NAME, ELASTICSEARCH_GUARD, classify=judge), shop.namespace, timeout_s=0.2)
    try:
        async with server:
            await index.search("products", {"size": 0}, Deadline.after(5))
    finally:
        await client.close()
    assert told == ["600ms"]  # its own 200 ms, and two ticks of 200 ms
