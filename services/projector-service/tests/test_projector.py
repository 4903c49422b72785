"""The projector on real Kafka and Elasticsearch."""

import asyncio
import json
import os
import signal
import sys
from typing import Any

import pytest

from holdfast.contracts import documents
from projector_service.adapters import consumer as kafka
from projector_service.adapters.read_model import ReadModel

pytestmark = pytest.mark.stores


async def test_events_become_documents_behind_the_alias(stack: Any) -> None:
    async with stack.projecting():
        await stack.publish(stack.added("cart-1", 1, "A", 2), stack.added("cart-1", 2, "B"), stack.added("cart-1", 3))
        await stack.reaches("carts", "cart-1", 3)
    assert await stack.document("carts", "cart-1") == {
        "cart_id": "1",
        "lines": [{"product_id": "A", "quantity": 3}, {"product_id": "B", "quantity": 1}],
        "version": 3,
    }


async def test_every_message_delivered_twice_makes_the_same_documents(stack: Any) -> None:
    once = [stack.added(f"cart-{cart}", version) for version in range(1, 8) for cart in range(20)]
    twice = [*once[:70], *once[:70], *once[70:], *once]
    await stack.publish(*twice)
    async with stack.projecting(poll_records=33):
        for cart in range(20):
            await stack.reaches("carts", f"cart-{cart}", 7)
        await _all_written(stack, "carts")
    found = await stack.everything(documents.alias(stack.namespace, "carts"))
    assert found == {
        str(cart): {"cart_id": str(cart), "lines": [{"product_id": "A", "quantity": 7}], "version": 7}
        for cart in range(20)
    }
    assert await stack.marks() == {}
    assert await stack.dead_letters() == []


async def test_a_crash_between_write_and_commit_changes_nothing(stack: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    await stack.publish(*(stack.added("cart-1", version) for version in range(1, 31)))
    crashed = asyncio.Event()

    async def crash(consumer: Any, offsets: Any) -> None:
        crashed.set()
        await asyncio.Event().wait()

    with monkeypatch.context() as patched:
        patched.setattr(kafka, "commit", crash)
        async with stack.projecting():
            await asyncio.wait_for(crashed.wait(), 45)
    assert (await stack.document("carts", "cart-1"))["version"] == 30
    await stack.publish(stack.added("cart-1", 31))
    async with stack.projecting() as projection:
        await stack.reaches("carts", "cart-1", 31)
        received = projection._metrics.received.labels(f"{stack.namespace}carts-1-0")._value.get()
    assert received == 31, "the batch was delivered again"
    assert (await stack.document("carts", "cart-1"))["lines"] == [{"product_id": "A", "quantity": 31}]
    assert await stack.dead_letters() == []


async def test_a_killed_process_leaves_nothing_behind_that_hurts_the_next(stack: Any, unused_tcp_port: int) -> None:
    environment = os.environ | {
        "NAMESPACE": stack.namespace,
        "KAFKA_BOOTSTRAP": stack.kafka,
        "ELASTICSEARCH_URL": stack.elasticsearch_url,
        "REPLICA": "p1",
        "PORT": str(unused_tcp_port),
        "POLL_RECORDS": "10",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "projector_service", env=environment, stdout=asyncio.subprocess.DEVNULL
    )
    try:
        for version in range(1, 401):
            await stack.publish(stack.added(f"cart-{version % 7}", (version + 6) // 7))
        await stack.eventually(lambda: _there(stack, "cart-1"))
    finally:
        process.send_signal(signal.SIGKILL)
        await process.wait()
    async with stack.projecting():
        for cart in range(7):
            await stack.reaches("carts", f"cart-{cart}", 58 if cart == 1 else 57)
    for cart in range(7):
        document = await stack.document("carts", f"cart-{cart}")
        assert document["lines"] == [{"product_id": "A", "quantity": document["version"]}]
    assert await stack.dead_letters() == []


async def test_a_gap_parks_the_stream_and_redelivery_repairs_it(stack: Any) -> None:
    events = [stack.added("cart-1", version) for version in range(1, 7)]
    index = f"{stack.namespace}carts-1-0"
    async with stack.projecting():
        await stack.publish(events[0], events[2], events[3], stack.added("cart-2", 1))
        await stack.reaches("carts", "cart-2", 1)
        await stack.eventually(lambda: _parked(stack, "cart-1"))
        mark = (await stack.marks())[f"{index}:cart-1"]
        assert (mark["version"], mark["reason"]) == (3, "version 2 is missing")
        assert (await stack.document("carts", "cart-1"))["version"] == 1

        await stack.publish(events[4])  # a later one is skipped without another dead letter
        await _all_written(stack, "carts")
        assert (await stack.marks())[f"{index}:cart-1"]["latest"] == 5
        [letter] = [json.loads(each) for each in await stack.dead_letters()]
        assert letter["stream_id"] == "cart-1"
        assert json.loads(letter["value"])["version"] == 3

        await stack.publish(*events)  # what a re-queue does
        await stack.reaches("carts", "cart-1", 6)
        await stack.eventually(lambda: _not_parked(stack))
    assert (await stack.document("carts", "cart-1"))["lines"] == [{"product_id": "A", "quantity": 6}]


async def test_a_poison_message_stops_neither_its_partition_nor_its_topic(stack: Any) -> None:
    good = stack.added("cart-1", 1)
    unknown = stack.message("cart-3", 1, "CartPainted", colour="red")
    wrong = stack.message("cart-4", 1, "ItemAddedToCart", product_id="A", quantity="many")
    async with stack.projecting():
        await stack.publish_raw(
            ("carts", b"cart-1", b"\xff not json"),
            ("carts", None, good.to_bytes()),
            ("carts", b"order-1", b"{}"),
            ("carts", b"cart-" + b"x" * 600, b"{}"),
            ("carts", b"cart-2", good.to_bytes()),
        )
        await stack.publish(good, unknown, wrong, *(stack.added(f"cart-9{n}", 1) for n in range(12)))
        await stack.reaches("carts", "cart-1", 1)
        for n in range(12):
            await stack.reaches("carts", f"cart-9{n}", 1)
        await stack.eventually(lambda: _parked(stack, "cart-4"))
        marks = {mark["stream_id"]: mark["reason"] for mark in (await stack.marks()).values()}
        assert set(marks) == {"cart-2", "cart-3", "cart-4"}, "cart-1 was repaired by its next version"
        assert marks["cart-3"] == "unknown type CartPainted of schema version 1"
        assert len(await stack.dead_letters()) == 7
    assert await stack.document("carts", "cart-2") is None


async def test_a_document_that_elasticsearch_refuses_parks_its_stream(stack: Any) -> None:
    endless = "x" * 40_000  # longer than any keyword may be
    fits, too_long = stack.message("product-A", 1, "ProductCreated", **_product("A")), _product(endless)
    async with stack.projecting():
        await stack.publish(fits, stack.message("product-B", 1, "ProductCreated", **too_long))
        await stack.publish(stack.message("product-B", 2, "ProductDiscontinued"))
        await stack.reaches("products", "product-A", 1)
        await stack.eventually(lambda: _parked(stack, "product-B"))
        await _all_written(stack, "products")
        mark = (await stack.marks())[f"{stack.namespace}products-1-0:product-B"]
        assert "immense term" in mark["reason"] or "too large" in mark["reason"] or "parse" in mark["reason"]
        assert (mark["version"], mark["latest"]) == (1, 2)
        assert len(await stack.dead_letters()) == 1
    assert await stack.document("products", "product-B") is None


async def test_two_starters_make_one_index_a_topic_under_its_alias(stack: Any) -> None:
    async with stack.projecting(replica="p1"), stack.projecting(replica="p2"):
        await stack.publish(*(stack.added(f"cart-{n}", 1) for n in range(12)))
        for n in range(12):
            await stack.reaches("carts", f"cart-{n}", 1)
    for topic in ("carts", "orders", "products", "customers"):
        assert await stack.indices(topic) == {f"{stack.namespace}{topic}-1-0": True}


async def test_a_lost_read_model_is_rebuilt_from_the_earliest_message(stack: Any) -> None:
    async with stack.projecting():
        await stack.publish(*(stack.added(f"cart-{n}", 1) for n in range(12)))
        for n in range(12):
            await stack.reaches("carts", f"cart-{n}", 1)
        for topic in ("carts", "orders", "products", "customers"):
            await stack.elasticsearch.indices.delete(index=f"{stack.namespace}{topic}-1-0")
        await stack.elasticsearch.indices.delete(index=documents.parked_index(stack.namespace))
        await stack.elasticsearch.indices.delete(index=documents.watermarks_index(stack.namespace))
        for n in range(12):
            await stack.eventually(lambda n=n: _there(stack, f"cart-{n}"))


async def test_a_read_model_lost_while_nobody_projected_is_rebuilt_too(stack: Any) -> None:
    async with stack.projecting():
        await stack.publish(stack.added("cart-1", 1))
        await stack.reaches("carts", "cart-1", 1)
        await _all_written(stack, "carts")
    await stack.elasticsearch.indices.delete(index=f"{stack.namespace}carts-1-0")
    async with stack.projecting():
        await stack.publish(stack.added("cart-1", 2))
        await stack.eventually(lambda: _there(stack, "cart-1"))
        await stack.reaches("carts", "cart-1", 2)


async def test_a_write_that_times_out_is_tried_in_halves(stack: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    await stack.publish(*(stack.added(f"cart-{n}", 1) for n in range(40)))
    read, sizes = ReadModel.read, []

    async def slow(self: ReadModel, index: str, stream_ids: list[str]) -> Any:
        sizes.append(len(stream_ids))
        if len(stream_ids) > 5:
            await asyncio.sleep(60)
        return await read(self, index, stream_ids)

    async def slow_search(self: ReadModel, index: str, stream_ids: list[str]) -> Any:
        async with self._search.call():
            return await slow(self, index, stream_ids)

    monkeypatch.setattr(ReadModel, "read", slow_search)
    async with stack.projecting(store_timeout_s=0.4):
        for n in range(40):
            await stack.reaches("carts", f"cart-{n}", 1)
    assert max(sizes) > 5
    assert min(sizes) <= 5


def _product(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "description": "",
        "category": "lights",
        "unit_amount": 295,
        "currency": "GBP",
        "available": 20,
    }


async def _parked(stack: Any, stream_id: str) -> bool:
    return any(mark["stream_id"] == stream_id for mark in (await stack.marks()).values())


async def _not_parked(stack: Any) -> bool:
    return await stack.marks() == {}


async def _there(stack: Any, stream_id: str) -> bool:
    return await stack.document("carts", stream_id) is not None


async def _all_written(stack: Any, topic: Any) -> None:
    """Wait until the first index's group has committed all that was published."""
    name = f"{stack.namespace}{topic}-1-0"
    answer = await stack.elasticsearch.indices.get_settings(index=name)
    uuid = answer[name]["settings"]["index"]["uuid"]
    async with kafka.onlooker(stack.kafka, f"{stack.namespace}projector-{name}-{uuid[:8]}") as onlooker:

        async def all_of_it() -> bool:
            written, total = await kafka.group_progress(onlooker, f"{stack.namespace}{topic}")
            return written == total > 0

        await stack.eventually(all_of_it)
