"""Elasticsearch and Kafka come and go; the projector stays and catches up."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer

from holdfast.contracts import documents

pytestmark = pytest.mark.stores


async def test_it_starts_with_everything_down_and_works_once_it_is_there(stack: Any, proxy: Callable[..., Any]) -> None:
    elasticsearch, broker = proxy(stack.elasticsearch_url), proxy(stack.kafka)
    await stack.publish(stack.added("cart-1", 1))
    async with stack.projecting(
        elasticsearch_url=f"http://127.0.0.1:{elasticsearch.port}", kafka_bootstrap=f"127.0.0.1:{broker.port}"
    ) as projection:
        await asyncio.sleep(0.5)
        assert projection.readiness().serves
        assert dict(projection.readiness().dependencies) == {"elasticsearch": "away", "kafka": "away"}
        assert projection.status() == {"projection": {"lag_events": 0, "as_of": None}}
        await elasticsearch.mend()
        await broker.mend()
        await stack.reaches("carts", "cart-1", 1)

        async def well() -> bool:
            return dict(projection.readiness().dependencies) == {"elasticsearch": "up", "kafka": "up"}

        await stack.eventually(well)


async def test_while_elasticsearch_is_away_it_keeps_polling_paused_and_then_catches_up(
    stack: Any, proxy: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    elasticsearch = proxy(stack.elasticsearch_url)
    await elasticsearch.mend()
    polls_while_paused = 0
    getmany = AIOKafkaConsumer.getmany

    async def counted(self: AIOKafkaConsumer, *args: Any, **options: Any) -> Any:
        nonlocal polls_while_paused
        if self.assignment() and self.paused() == self.assignment():
            polls_while_paused += 1
        return await getmany(self, *args, **options)

    monkeypatch.setattr(AIOKafkaConsumer, "getmany", counted)
    async with stack.projecting(elasticsearch_url=f"http://127.0.0.1:{elasticsearch.port}"):
        await stack.publish(stack.added("cart-1", 1))
        await stack.reaches("carts", "cart-1", 1)
        await elasticsearch.cut()
        await stack.publish(stack.added("cart-1", 2), stack.message("product-A", 1, "ProductCreated", **PRODUCT))
        await asyncio.sleep(1.5)
        await stack.publish(*(stack.added("cart-1", version) for version in range(3, 9)))
        assert (await stack.document("carts", "cart-1"))["version"] == 1
        assert polls_while_paused > 2
        await elasticsearch.mend()
        await stack.reaches("carts", "cart-1", 8)
        await stack.reaches("products", "product-A", 1)
    assert await stack.dead_letters() == []


async def test_a_stuck_topic_does_not_hold_up_the_others(stack: Any) -> None:
    async with stack.projecting():
        await stack.publish(stack.added("cart-1", 1))
        await stack.reaches("carts", "cart-1", 1)
        carts = f"{stack.namespace}carts-1-0"
        await stack.elasticsearch.indices.put_settings(index=carts, settings={"index.blocks.write": True})
        await stack.publish(stack.added("cart-1", 2))
        await stack.publish(stack.message("product-A", 1, "ProductCreated", **PRODUCT))
        await stack.reaches("products", "product-A", 1)
        assert (await stack.document("carts", "cart-1"))["version"] == 1
        await stack.elasticsearch.indices.put_settings(index=carts, settings={"index.blocks.write": False})
        await stack.reaches("carts", "cart-1", 2)
    assert await stack.everything(documents.parked_index(stack.namespace)) == {}


async def test_partitions_go_to_a_second_projector_and_back_without_loss(stack: Any) -> None:
    carts = [f"cart-{n}" for n in range(24)]
    async with stack.projecting(replica="p1", poll_records=10):
        await stack.publish(*(stack.added(cart, 1) for cart in carts))
        async with stack.projecting(replica="p2", poll_records=10):
            for version in range(2, 21):
                await stack.publish(*(stack.added(cart, version) for cart in carts))
        for version in range(21, 26):
            await stack.publish(*(stack.added(cart, version) for cart in carts))
        for cart in carts:
            await stack.reaches("carts", cart, 25, within_s=30)
    for cart in carts:
        assert (await stack.document("carts", cart))["lines"] == [{"product_id": "A", "quantity": 25}]
    assert await stack.marks() == {}


PRODUCT = {
    "name": "RED LANTERN",
    "description": "",
    "category": "lights",
    "unit_amount": 295,
    "currency": "GBP",
    "available": 20,
}
