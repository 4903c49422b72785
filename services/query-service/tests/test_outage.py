"""Elasticsearch away, paused or slow: answers keep their deadline, say what is so, and heal by themselves."""

import asyncio
import time
from collections import Counter
from typing import Any

import httpx
import pytest

from query_service import freshness

REAL = {"elasticsearch_timeout_s": 0.2, "total_s": 0.8, "freshness_every_s": 0.25}


async def timed(client: httpx.AsyncClient, path: str = "/api/products", **headers: str) -> tuple[httpx.Response, float]:
    began = time.monotonic()
    answer = await client.get(path, headers=headers)
    return answer, time.monotonic() - began


async def healed(client: httpx.AsyncClient, path: str = "/api/products") -> float:
    """Seconds until the first 200, at most 10."""
    began = time.monotonic()
    while (await client.get(path)).status_code != 200:
        assert time.monotonic() - began < 10
        await asyncio.sleep(0.05)
    return time.monotonic() - began


@pytest.fixture
async def client(shop: Any, link: Any, serve: Any) -> Any:
    async with serve(shop, elasticsearch_url=link.url, **REAL) as made:
        await healed(made)
        yield made


async def test_while_it_is_paused_answers_come_in_time_without_retry_after(client: Any, link: Any) -> None:
    link.pause()
    answers = await asyncio.gather(*(timed(client) for _ in range(12)))
    assert {answer.status_code for answer, _ in answers} == {503}
    assert {answer.json()["code"] for answer, _ in answers} == {"dependency-unavailable"}
    assert not any("Retry-After" in answer.headers for answer, _ in answers)
    assert max(took for _, took in answers) < 1
    answer, took = await timed(client)  # the breaker is open by now
    assert answer.status_code == 503
    assert took < 0.15
    assert (await client.get("/healthz")).status_code == 200
    await asyncio.sleep(0.6)  # the watermark watch notices by itself
    assert (await client.get("/readyz")).status_code == 503
    status = (await client.get("/status")).json()
    assert (status["state"], status["dependencies"][0]["breaker"]) == ("degraded", "open")
    link.resume()
    assert await healed(client) < 6
    assert (await client.get("/readyz")).status_code == 200


@pytest.mark.timing("a refusal within 150 ms")
async def test_without_any_call_the_watch_opens_the_breaker(client: Any, link: Any) -> None:
    link.pause()
    for _ in range(200):
        if (await client.get("/status")).json()["dependencies"][0]["breaker"] == "open":
            break
        await asyncio.sleep(0.05)
    answer, took = await timed(client)
    assert answer.status_code == 503
    assert took < 0.15


async def test_an_elasticsearch_that_stops_while_it_is_warmed_opens_the_breaker(
    shop: Any, link: Any, serve: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    began = asyncio.Event()

    async def takes_long(*_: Any, **__: Any) -> None:
        began.set()
        await asyncio.sleep(60)

    monkeypatch.setattr(freshness, "warm", takes_long)
    async with serve(shop, elasticsearch_url=link.url, **REAL) as client:
        await asyncio.wait_for(began.wait(), 5)
        assert (await client.get("/readyz")).status_code == 503
        link.pause()
        for _ in range(60):
            if (await client.get("/status")).json()["dependencies"][0]["breaker"] == "open":
                break
            await asyncio.sleep(0.05)
        assert (await client.get("/status")).json()["dependencies"][0]["breaker"] == "open"


async def test_no_caller_is_the_trial_of_one_that_answers_now_and_then(client: Any, link: Any) -> None:
    async def stand_still_often() -> None:
        while True:
            link.pause()
            await asyncio.sleep(0.13)
            link.resume()
            await asyncio.sleep(0.02)

    link.pause()
    while (await client.get("/status")).json()["dependencies"][0]["breaker"] != "open":
        await timed(client)
    link.resume()
    halting = asyncio.create_task(stand_still_often())
    ends_at = time.monotonic() + 4
    while time.monotonic() < ends_at:
        assert (await client.get("/api/products")).status_code == 503
        assert (await client.get("/status")).json()["dependencies"][0]["breaker"] == "open"
        await asyncio.sleep(0.05)
    halting.cancel()
    await asyncio.wait({halting})
    link.resume()
    assert await healed(client) < 8


@pytest.mark.timing("an answer within a deadline of 150 ms")
async def test_a_caller_with_little_time_gets_504_in_that_time(client: Any, link: Any) -> None:
    link.pause()
    answer, took = await timed(client, **{"X-Request-Timeout-Ms": "60"})
    assert (answer.status_code, answer.json()["code"]) == (504, "deadline-exceeded")
    assert took < 0.19


async def test_a_cut_connection_is_503_and_heals(client: Any, link: Any) -> None:
    await link.stop()
    answers = await asyncio.gather(*(timed(client) for _ in range(10)))
    assert {answer.status_code for answer, _ in answers} == {503}
    assert max(took for _, took in answers) < 1
    await link.start()
    assert await healed(client) < 6


async def test_it_starts_without_elasticsearch_and_serves_once_that_is_there(shop: Any, link: Any, serve: Any) -> None:
    await link.stop()
    async with serve(shop, elasticsearch_url=link.url, **REAL) as client:
        assert (await client.get("/healthz")).status_code == 200
        assert (await client.get("/readyz")).status_code == 503
        assert (await client.get("/api/products")).status_code == 503
        await asyncio.sleep(0.5)
        await link.start()
        assert await healed(client) < 6


async def test_it_is_not_there_again_before_it_has_opened_what_is_searched(goods_only: Any, serve: Any) -> None:
    goods_only.create_unallocated("products")
    async with serve(goods_only, freshness_every_s=0.1) as client:
        ends_s = time.monotonic() + 1
        while time.monotonic() < ends_s:
            assert (await client.get("/readyz")).status_code == 503
            await asyncio.sleep(0.05)
        goods_only.allocate("products")
        assert await healed(client, "/readyz") < 6
        assert (await client.get("/api/products")).status_code == 200


async def test_more_calls_than_the_bulkhead_holds_are_shed_with_retry_after(shop: Any, link: Any, serve: Any) -> None:
    async with serve(shop, elasticsearch_url=link.url) as client:
        await healed(client)
        link.pause()
        calls = [asyncio.create_task(timed(client)) for _ in range(60)]
        await asyncio.sleep(0.5)
        link.resume()
        answers = await asyncio.gather(*calls)
        kinds = Counter(answer.status_code for answer, _ in answers)
        assert kinds == {200: 32, 503: 28}
        shed = [(answer, took) for answer, took in answers if answer.status_code == 503]
        assert {answer.json()["code"] for answer, _ in shed} == {"bulkhead-full"}
        assert all(1 <= int(answer.headers["Retry-After"]) <= 5 for answer, _ in shed)
        assert max(took for _, took in shed) < 2
        assert (await client.get("/status")).json()["dependencies"][0]["breaker"] == "closed"


async def test_the_age_tells_how_long_ago_the_read_model_was_last_known_to_be_fresh(
    shop: Any, link: Any, serve: Any
) -> None:
    shop.drained(0)
    settings = {"elasticsearch_url": link.url, "freshness_every_s": 0.1, "stale_after_s": 0.5}
    async with serve(shop, **settings) as client:
        await asyncio.sleep(0.8)  # nobody moves the watermarks on
        answer = await client.get("/api/products")
        assert answer.headers["Degraded"] == "projection-lag"
        assert int(answer.headers["Age"]) >= 0
