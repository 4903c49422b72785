"""Topics are made by whoever starts, safely."""

import asyncio
import time

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from hypothesis import given
from hypothesis import strategies as st

from holdfast.contracts.messages import TOPICS
from holdfast.messaging import (
    KafkaUnavailable,
    Topic,
    TopicMismatch,
    ensure_topics,
    make_consumer,
    make_producer,
    partition_of,
    topic_name,
)

EXPECTED = {"carts": 6, "orders": 6, "products": 6, "customers": 6, "dead-letters": 1, "heartbeats": 1}


@pytest.fixture
async def admin(kafka_bootstrap):
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_bootstrap)
    await admin.start()
    yield admin
    await admin.close()


@pytest.mark.stores
async def test_starters_at_once_make_each_topic_once(kafka_bootstrap, namespace, admin):
    made = await asyncio.gather(*(ensure_topics(kafka_bootstrap, namespace) for _ in range(3)))
    assert sorted(name for names in made for name in names) == sorted(namespace + name for name in EXPECTED)
    assert await ensure_topics(kafka_bootstrap, namespace) == []
    topics = await admin.describe_topics([namespace + name for name in EXPECTED])
    assert {each["topic"].removeprefix(namespace): len(each["partitions"]) for each in topics} == EXPECTED


@pytest.mark.stores
async def test_events_are_kept_for_ever_and_heartbeats_for_an_hour(kafka_bootstrap, namespace, admin):
    await ensure_topics(kafka_bootstrap, namespace)

    async def retention(name: str) -> str:
        resource = ConfigResource(ConfigResourceType.TOPIC, namespace + name, {"retention.ms": ""})
        (response,) = await admin.describe_configs([resource])
        return str(response.resources[0][4][0][1])

    assert [await retention(name) for name in (*TOPICS, "dead-letters")] == ["-1"] * 5
    assert await retention("heartbeats") == "3600000"


@pytest.mark.stores
async def test_a_topic_with_other_partitions_is_refused(kafka_bootstrap, namespace, admin):
    await admin.create_topics([NewTopic(namespace + "carts", 3, 1)])
    with pytest.raises(TopicMismatch) as caught:
        await ensure_topics(kafka_bootstrap, namespace)
    assert (caught.value.wanted, caught.value.found) == (6, 3)


async def test_no_kafka_is_said_soon(unused_tcp_port):
    begun = time.monotonic()
    with pytest.raises(KafkaUnavailable):
        await ensure_topics(f"127.0.0.1:{unused_tcp_port}", "x-")
    assert time.monotonic() - begun < 5


def test_a_topics_name_begins_with_its_namespace():
    assert topic_name("", "carts") == "carts"
    assert topic_name("a-", "carts") == "a-carts"


@given(st.text(min_size=1))
def test_a_key_always_has_the_same_partition_of_those_there_are(key: str):
    assert 0 <= partition_of(key) < 6
    assert partition_of(key) == partition_of(key)
    assert partition_of(key, 1) == 0


@pytest.mark.stores
async def test_a_message_lands_on_the_partition_of_its_key_and_is_read_from_the_start(kafka_bootstrap, namespace):
    topic = namespace + "carts"
    await ensure_topics(kafka_bootstrap, namespace, [Topic("carts", 6)])
    producer = make_producer(kafka_bootstrap, "test")
    await producer.start()
    keys = [f"cart-{number}" for number in range(8)]
    sent = [await producer.send_and_wait(topic, b"x" * 1_500_000, key=key.encode()) for key in keys[:1]]
    sent += [await producer.send_and_wait(topic, b"x", key=key.encode()) for key in keys[1:]]
    await producer.stop()
    assert [each.partition for each in sent] == [partition_of(key) for key in keys]

    for _ in range(2):  # nothing was committed, so the second consumer gets all of it again
        consumer = make_consumer(kafka_bootstrap, topic, client_id="test", group=f"{namespace}g", replica="one")
        await consumer.start()
        seen: set[str] = set()
        async with asyncio.timeout(20):
            while len(seen) < len(keys):
                batches = await consumer.getmany(timeout_ms=500)
                seen |= {record.key.decode() for records in batches.values() for record in records}
        await consumer.stop()
        assert seen == set(keys)


@pytest.mark.timing("a median of 0.3 s beside a broker that polls")
@pytest.mark.stores
async def test_who_asks_beside_a_fetch_that_finds_nothing_does_not_wait_long_for_it(kafka_bootstrap, namespace):
    topic = namespace + "customers"
    await ensure_topics(kafka_bootstrap, namespace, [Topic("customers", 6)])
    consumer = make_consumer(kafka_bootstrap, topic, client_id="test", group=f"{namespace}g", replica="one")
    await consumer.start()
    reading = asyncio.create_task(consumer.getmany(timeout_ms=20_000))
    await asyncio.sleep(1)
    took_s = []
    for _ in range(6):
        began_s = time.monotonic()
        await consumer.end_offsets([TopicPartition(topic, 0)])
        took_s.append(time.monotonic() - began_s)
    reading.cancel()
    await consumer.stop()
    assert sorted(took_s)[3] < 0.3, took_s
