"""Answers say how old the read model is: from the oldest watermark of the indices behind the aliases."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from holdfast.contracts import documents
from holdfast.contracts.messages import TOPICS
from query_service.freshness import Freshness

NOW = datetime(2026, 1, 1, tzinfo=UTC)


async def marked(client: httpx.AsyncClient, expected: Callable[[httpx.Response], bool]) -> httpx.Response:
    """The first answer that is marked as expected, within 3 s."""
    ends_s = time.monotonic() + 3
    while True:
        answer = await client.get("/api/products", params={"limit": 1})
        if expected(answer) or time.monotonic() > ends_s:
            return answer
        await asyncio.sleep(0.05)


def degraded(answer: httpx.Response) -> bool:
    return answer.headers.get("Degraded") == "projection-lag"


async def test_a_fresh_read_model_is_not_marked(shop: Any, serve: Any) -> None:
    shop.drained(0)
    async with serve(shop, freshness_every_s=0.1, stale_after_s=60) as client:
        answer = await marked(client, lambda answer: not degraded(answer))
        assert not degraded(answer)
        assert "Age" not in answer.headers
        assert answer.headers["Served-From"] == "read-model"


async def test_one_old_partition_marks_every_answer_with_its_age(shop: Any, serve: Any) -> None:
    shop.drained(0)
    shop.drained(77, indices=[documents.index_name(shop.namespace, "customers", "0")])
    async with serve(shop, freshness_every_s=0.1, stale_after_s=60) as client:
        answer = await marked(client, lambda answer: degraded(answer) and "Age" in answer.headers)
        assert degraded(answer)
        assert 77 <= int(answer.headers["Age"]) < 90
        shop.drained(0)
        assert not degraded(await marked(client, lambda answer: not degraded(answer)))


async def test_a_read_model_whose_age_is_unknown_is_marked_without_an_age(goods_only: Any, serve: Any) -> None:
    async with serve(goods_only, freshness_every_s=0.1) as client:
        await asyncio.sleep(0.3)
        answer = await client.get("/api/products")
        assert degraded(answer)
        assert "Age" not in answer.headers


async def test_the_indices_behind_the_aliases_count_and_no_others(shop: Any, serve: Any) -> None:
    shop.drained(0)
    old = documents.index_name(shop.namespace, "carts", "0")
    new = shop.create_index("carts", "1", behind_alias=False)
    async with serve(shop, freshness_every_s=0.1, stale_after_s=60) as client:
        assert not degraded(await marked(client, lambda answer: not degraded(answer)))
        shop.swap("carts", old, new)  # nothing is known of the new one
        try:
            assert degraded(await marked(client, degraded))
            shop.drained(0, indices=[new])
            assert not degraded(await marked(client, lambda answer: not degraded(answer)))
        finally:
            shop.swap("carts", new, old)


def test_the_age_grows_while_nothing_new_is_seen() -> None:
    now = NOW
    freshness = Freshness(stale_after_s=2, now=lambda: now)
    assert freshness.staleness().degraded
    assert freshness.staleness().age_s is None
    freshness.saw(NOW - timedelta(seconds=1))
    assert (freshness.staleness().degraded, freshness.staleness().age_s) == (False, 1)
    now += timedelta(seconds=1)
    assert (freshness.staleness().degraded, freshness.staleness().age_s) == (False, 2)
    now += timedelta(milliseconds=1)
    assert freshness.staleness().degraded


def test_a_missing_watermark_degrades_at_once_and_the_age_is_the_last_known() -> None:
    freshness = Freshness(stale_after_s=2, now=lambda: NOW)
    freshness.saw(NOW + timedelta(seconds=1))  # another machine's clock
    assert (freshness.staleness().degraded, freshness.staleness().age_s) == (False, 0)
    freshness.saw(None)
    assert (freshness.staleness().degraded, freshness.staleness().age_s) == (True, 0)


@pytest.mark.parametrize("topic", TOPICS)
async def test_a_topic_without_its_alias_is_unavailable_and_the_others_are_not(
    goods_only: Any, serve: Any, bearer: Any, topic: str
) -> None:
    paths = {"products": "/api/products", "carts": "/api/cart", "orders": "/api/orders", "customers": "/api/profile"}
    async with serve(goods_only) as client:
        for _ in range(10):  # more than the failures in a row that open a breaker
            answer = await client.get(paths[topic], headers=bearer("00000000-0000-7000-8000-000000000000", "customer"))
            assert answer.status_code == (200 if topic == "products" else 503)
            assert "Retry-After" not in answer.headers
        assert (await client.get("/api/products")).status_code == 200
