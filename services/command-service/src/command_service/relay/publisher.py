"""Sending messages to Kafka in order, and knowing how far each partition got."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError
from aiokafka.structs import RecordMetadata

from holdfast.contracts.messages import HEARTBEATS, PARTITIONS, TOPICS, Heartbeat, Message
from holdfast.messaging import KafkaUnavailable, ensure_topics, make_consumer, make_producer, topic_name
from holdfast.messaging.topics import MAX_MESSAGE_BYTES

_ENVELOPE_BYTES = 1024  # key, headers and Kafka's own framing around a value
_NONE = -1
_CLOSE_S = 1.0


class PublishingFailed(Exception):
    """Kafka refused for good, or the producer broke: what was sent may or may not arrive. End the process."""


class MessageTooLarge(ValueError):
    """A message that the topics do not take."""


class Publisher:
    """A started producer and the last acknowledged offset of each partition.

    `publish` never sends anything twice: it waits for Kafka as long as it takes (CORRECTNESS 14).
    """

    def __init__(self, producer: AIOKafkaProducer, bootstrap: str, namespace: str) -> None:
        self._producer = producer
        self._bootstrap = bootstrap
        self._namespace = namespace
        self.offsets: dict[str, list[int]] = {name: [_NONE] * PARTITIONS for name in TOPICS}

    async def start(self) -> None:
        """Take the offsets from Kafka: an earlier leader's messages are below them. Raises `KafkaUnavailable`."""
        self.offsets = await _last_offsets(self._bootstrap, self._namespace)

    async def publish(self, messages: Sequence[tuple[Message, bytes]]) -> None:
        """Send in order, keyed by stream, and return when every one is acknowledged. Raises `PublishingFailed`."""
        try:
            sent = [(message.topic, await self._send(message, value)) for message, value in messages]
            acknowledged = [(topic, await future) for topic, future in sent]
        except KafkaError as error:
            raise PublishingFailed(f"{type(error).__name__} {error}") from error
        if any(place.offset < 0 for _, place in acknowledged):
            await self._ask_for_offsets()  # a repeated batch that the broker had: it no longer knows where
            return
        for topic, place in acknowledged:
            self.offsets[topic][place.partition] = place.offset

    async def beat(self, drained_at: datetime) -> None:
        """Send one heartbeat and wait for its acknowledgement. Raises `PublishingFailed`."""
        heartbeat = Heartbeat(drained_at=drained_at, offsets={name: list(all_) for name, all_ in self.offsets.items()})
        try:
            await self._producer.send_and_wait(topic_name(self._namespace, HEARTBEATS), heartbeat.to_bytes())
        except KafkaError as error:
            raise PublishingFailed(f"{type(error).__name__} {error}") from error

    async def close(self) -> None:
        """Flush and stop, for at most a second. Only for an orderly end: see `make_producer`."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_S):
                await self._producer.stop()

    async def restore_topics(self) -> None:
        """Make deleted topics again; their offsets begin again. Raises `KafkaUnavailable`, `TopicMismatch`."""
        created = await ensure_topics(self._bootstrap, self._namespace)
        lost = [name for name in TOPICS if topic_name(self._namespace, name) in created]
        if not lost:
            return
        for name in lost:
            self.offsets[name] = [_NONE] * PARTITIONS
        last = await _last_offsets(self._bootstrap, self._namespace)
        for name in lost:  # what was acknowledged while they were asked for may be newer
            self.offsets[name] = [max(pair) for pair in zip(self.offsets[name], last[name], strict=True)]

    async def _send(self, message: Message, value: bytes) -> asyncio.Future[RecordMetadata]:
        headers = [("type", message.type.encode())]
        if traceparent := message.metadata.get("traceparent"):
            headers.append(("traceparent", traceparent.encode()))
        future: asyncio.Future[RecordMetadata] = await self._producer.send(
            topic_name(self._namespace, message.topic), value, key=message.stream_id.encode(), headers=headers
        )
        return future

    async def _ask_for_offsets(self) -> None:
        try:
            self.offsets = await _last_offsets(self._bootstrap, self._namespace)
        except KafkaUnavailable as error:
            raise PublishingFailed(str(error)) from error


def encoded(message: Message) -> bytes:
    """A message's bytes. Raises `MessageTooLarge`."""
    value = message.to_bytes()
    if len(value) > MAX_MESSAGE_BYTES - _ENVELOPE_BYTES:
        raise MessageTooLarge(f"{len(value)} bytes, the topics take {MAX_MESSAGE_BYTES}")
    return value


async def open_publisher(bootstrap: str, namespace: str, client_id: str) -> Publisher:
    """Make the topics, start a producer and read the offsets. Raises `KafkaUnavailable`, `TopicMismatch`."""
    await ensure_topics(bootstrap, namespace)
    producer = make_producer(bootstrap, client_id)
    try:
        await producer.start()
    except BaseException as error:
        await producer.stop()
        if isinstance(error, KafkaError | OSError):
            raise KafkaUnavailable(f"{type(error).__name__} {error}") from error
        raise
    publisher = Publisher(producer, bootstrap, namespace)
    await publisher.start()
    return publisher


async def _last_offsets(bootstrap: str, namespace: str) -> dict[str, list[int]]:
    """The offset of the last message of each partition, −1 where there is none."""
    consumer = make_consumer(bootstrap, client_id="relay-offsets")
    places = {
        name: [TopicPartition(topic_name(namespace, name), number) for number in range(PARTITIONS)] for name in TOPICS
    }
    try:
        await consumer.start()
        ends = await consumer.end_offsets([place for each in places.values() for place in each])
    except (KafkaError, OSError) as error:
        raise KafkaUnavailable(f"{type(error).__name__} {error}") from error
    finally:
        await consumer.stop()
    return {name: [ends[place] - 1 for place in each] for name, each in places.items()}
