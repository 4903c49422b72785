"""A body that comes slowly, or is announced larger than allowed: refused by itself, felt by no other caller."""

import asyncio
import time
from contextlib import AsyncExitStack
from typing import Any

import pytest


def _head(kit: Any, path: str, *lines: str) -> bytes:
    fixed = (f"POST {path} HTTP/1.1", "Host: x", f"Authorization: Bearer {kit.token()}", "Idempotency-Key: k")
    return "\r\n".join([*fixed, "Content-Type: application/json", *lines, "", ""]).encode()


async def _send(shop: Any, *parts: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection(shop.http.base_url.host, shop.http.base_url.port)
    writer.write(b"".join(parts))
    return reader, writer


async def _status(reader: asyncio.StreamReader) -> int:
    return int((await asyncio.wait_for(reader.readline(), 5)).split()[1])


async def test_slow_bodies_take_no_place_and_do_not_count_as_load(stack: AsyncExitStack, kit: Any) -> None:
    shop = await kit.open_shop(stack, calls_at_once=20, body_timeout_s=1.5)
    shop.command.then(200, {"cart_id": kit.GUEST_ID, "version": 1})
    slow = [await _send(shop, _head(kit, "/api/checkout", "Content-Length: 50"), b"{") for _ in range(60)]
    for _ in range(20):
        put = await shop.call("POST", "/api/cart/items", "guest", json={"product_id": "A", "quantity": 1})
        assert put.status_code == 200
    shedding = (await shop.call("GET", "/api/ops/status")).json()["shedding"]
    assert (shedding["in_flight"], shedding["waiting"], sum(shedding["shed"].values())) == (0, 0, 0)
    assert [await _status(reader) for reader, _ in slow] == [408] * 60
    assert (await shop.call("GET", "/api/ops/status")).json()["shedding"]["limit"] >= 20
    for _, writer in slow:
        writer.close()


@pytest.mark.timing("a time limit of 0.3 s")
async def test_a_trickle_does_not_extend_the_time(stack: AsyncExitStack, kit: Any) -> None:
    shop = await kit.open_shop(stack, body_timeout_s=0.4)
    reader, writer = await _send(shop, _head(kit, "/api/checkout", "Transfer-Encoding: chunked"))
    begun = time.perf_counter()

    async def trickle() -> None:
        for _ in range(20):
            writer.write(b"1\r\n \r\n")
            await asyncio.sleep(0.05)

    task = asyncio.create_task(trickle())
    assert await _status(reader) == 408
    assert 0.3 < time.perf_counter() - begun < 0.9
    task.cancel()
    writer.close()


@pytest.mark.timing("an answer within 0.5 s")
async def test_who_may_not_make_the_call_is_told_before_the_body_is_read(shop: Any) -> None:
    head = b"POST /api/checkout HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n{"
    begun = time.perf_counter()
    reader, writer = await _send(shop, head)
    assert await _status(reader) == 401
    assert time.perf_counter() - begun < 0.5
    writer.close()


async def test_the_bytes_of_all_bodies_that_arrive_are_bounded(stack: AsyncExitStack, kit: Any) -> None:
    shop = await kit.open_shop(stack, bodies_bytes=128 * 1024)
    announced = _head(kit, "/api/checkout", "Content-Length: 60000")
    held = [await _send(shop, announced, b"{") for _ in range(2)]
    await asyncio.sleep(0.1)
    reader, writer = await _send(shop, announced, b"{")
    assert await _status(reader) == 503
    assert (
        await shop.call("POST", "/api/cart/items", "guest", json={"product_id": "A", "quantity": 1})
    ).status_code == 200
    for _, other in [*held, (reader, writer)]:
        other.close()
    await asyncio.sleep(0.1)
    reader, writer = await _send(shop, announced, b"{")
    await asyncio.sleep(0.1)
    assert reader.at_eof() is False  # it is read again: the others have left
    writer.close()


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "x-gzip", "GZIP", "identity, gzip"])
async def test_a_compressed_body_is_415_and_so_is_one_that_says_it_is(shop: Any, encoding: str) -> None:
    headers = {"Content-Encoding": encoding, "Content-Type": "application/json"}
    for content in (b'{"product_id": "A", "quantity": 1}', b"\x1f\x8b\x08\x00"):
        answer = await shop.call("POST", "/api/cart/items", "guest", content=content, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (415, "unsupported-media-type")
    assert shop.command.received == []


async def test_an_identity_body_is_taken(shop: Any) -> None:
    body = {"product_id": "A", "quantity": 1}
    answer = await shop.call("POST", "/api/cart/items", "guest", json=body, headers={"Content-Encoding": "identity"})
    assert answer.status_code == 200
