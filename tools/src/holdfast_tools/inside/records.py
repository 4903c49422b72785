"""Reads Kafka's topics from outside any group, so that nobody's offsets move."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from holdfast.messaging import ALL_TOPICS, make_consumer, topic_name
from holdfast_tools.command_line import UserError

_LIMIT_S: Final = 10.0


@asynccontextmanager
async def consumer(bootstrap: str) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer without a group. Raises UserError when Kafka does not answer."""
    kafka = make_consumer(bootstrap, client_id="holdfast-tools")
    try:
        async with asyncio.timeout(_LIMIT_S):
            await kafka.start()
    except (KafkaError, OSError, TimeoutError) as error:
        await kafka.stop()
        raise UserError(f"Kafka does not answer: {error or type(error).__name__}") from error
    try:
        yield kafka
    finally:
        await kafka.stop()


async def partitions(kafka: AIOKafkaConsumer, namespace: str, name: str) -> list[TopicPartition]:
    """A topic's partitions. Raises UserError for a topic that is none of ours or is not there yet."""
    known = {topic.name: topic.partitions for topic in ALL_TOPICS}
    if name not in known:
        raise UserError(f"there is no topic {name}; there are: {', '.join(known)}")
    topic = topic_name(namespace, name)
    if topic not in await kafka.topics():
        raise UserError(f"topic {topic} has not been made yet")
    return [TopicPartition(topic, number) for number in range(known[name])]


async def stored(
    kafka: AIOKafkaConsumer, where: list[TopicPartition], last: int | None
) -> AsyncIterator[ConsumerRecord]:
    """What the partitions hold now: all of it, or about the `last` so many of each."""
    ends = await kafka.end_offsets(where)
    begins = await kafka.beginning_offsets(where)
    kafka.assign(where)
    waiting = set()
    for partition in where:
        start = begins[partition] if last is None else max(begins[partition], ends[partition] - last)
        kafka.seek(partition, start)
        if start < ends[partition]:
            waiting.add(partition)
    while waiting:
        for partition, records in (await kafka.getmany(timeout_ms=1000)).items():
            for record in records:
                if record.offset < ends[partition]:
                    yield record
                if record.offset >= ends[partition] - 1:
                    waiting.discard(partition)
