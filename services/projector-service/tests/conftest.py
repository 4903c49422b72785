"""A stack in small for the projector's tests: what a relay would publish, and what lies in the read model."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from elasticsearch import ApiError, AsyncElasticsearch
from prometheus_client import CollectorRegistry

from holdfast.contracts import documents
from holdfast.contracts.messages import DEAD_LETTERS, HEARTBEATS, PARTITIONS, TOPICS, Heartbeat, Message, Topic
from holdfast.messaging import ensure_topics, topic_name
from projector_service.bootstrap import Projection
from projector_service.settings import ProjectorSettings

START = datetime(2010, 12, 1, 8, 26, 0, 123456, tzinfo=UTC)


def message(stream_id: str, version: int, type: str, **data: Any) -> Message:
    """A published event at a time that grows with its version."""
    return Message(
        stream_id=stream_id,
        version=version,
        type=type,
        schema_version=1,
        recorded_at=START + timedelta(seconds=version),
        position=version,
        data=data,
        metadata={},
    )


def added(stream_id: str, version: int, product_id: str = "A", quantity: int = 1) -> Message:
    return message(stream_id, version, "ItemAddedToCart", product_id=product_id, quantity=quantity)


async def eventually(holds: Callable[[], Awaitable[bool]], *, within_s: float = 45.0) -> None:
    """Wait until it holds; fails after `within_s`."""
    ends_s = time.monotonic() + within_s
    while not await holds():
        assert time.monotonic() < ends_s, f"not within {within_s} s"
        await asyncio.sleep(0.05)


class Proxy:
    """A TCP proxy that a test can cut: then connections break and new ones are refused."""

    def __init__(self, port: int, target: str) -> None:
        self.port = port
        self._host, self._target_port = target.removeprefix("http://").split(":")
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def mend(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def cut(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            far_reader, far_writer = await asyncio.open_connection(self._host, int(self._target_port))
            try:
                await asyncio.wait(
                    [
                        asyncio.create_task(_pump(reader, far_writer)),
                        asyncio.create_task(_pump(far_reader, writer)),
                    ],
                    return_when=asyncio.FIRST_COMPLETED,
                )
            finally:
                far_writer.close()
        finally:
            writer.close()
            self._tasks.discard(task)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass


@dataclass(slots=True)
class Stack:
    """One namespace on real servers."""

    namespace: str
    kafka: str
    elasticsearch_url: str
    elasticsearch: AsyncElasticsearch
    producer: AIOKafkaProducer
    ends: dict[str, list[int]] = field(default_factory=dict)

    message = staticmethod(message)
    added = staticmethod(added)
    eventually = staticmethod(eventually)

    async def publish(self, *messages: Message) -> None:
        """As the relay does, in this order for each stream."""
        await self.publish_raw(*((each.topic, each.stream_id.encode(), each.to_bytes()) for each in messages))

    async def publish_raw(self, *records: tuple[Topic, bytes | None, bytes]) -> None:
        sent = [
            (topic, await self.producer.send(topic_name(self.namespace, topic), value, key=key))
            for topic, key, value in records
        ]
        for topic, future in sent:
            about = await future
            self.ends[topic][about.partition] = about.offset

    async def beat(self) -> None:
        """A heartbeat of a relay that has drained everything."""
        beat = Heartbeat(drained_at=datetime.now(UTC), offsets=self.ends)
        await self.producer.send_and_wait(topic_name(self.namespace, HEARTBEATS), beat.to_bytes())

    async def document(self, topic: Topic, stream_id: str) -> Mapping[str, Any] | None:
        """What a reader gets through the alias, None while there is nothing or the index is only just being made."""
        try:
            found = await self.elasticsearch.get(
                index=documents.alias(self.namespace, topic), id=documents.document_id(stream_id)
            )
        except ApiError:
            return None
        source: Mapping[str, Any] = found["_source"]
        assert source["version"] == found["_version"]
        return source

    async def reaches(self, topic: Topic, stream_id: str, version: int, *, within_s: float = 45.0) -> None:
        """Wait for a document's version."""

        async def there() -> bool:
            document = await self.document(topic, stream_id)
            return document is not None and document["version"] == version

        await eventually(there, within_s=within_s)

    async def everything(self, index: str) -> dict[str, Mapping[str, Any]]:
        """All documents of an index by id."""
        await self.elasticsearch.indices.refresh(index=index)
        answer = await self.elasticsearch.search(index=index, size=10_000)
        return {hit["_id"]: hit["_source"] for hit in answer["hits"]["hits"]}

    async def indices(self, topic: Topic) -> dict[str, bool]:
        """The topic's indices, and whether the alias is on each."""
        answer = await self.elasticsearch.indices.get(index=documents.index_pattern(self.namespace, topic))
        alias = documents.alias(self.namespace, topic)
        return {name: alias in about["aliases"] for name, about in dict(answer).items()}

    async def marks(self) -> dict[str, Mapping[str, Any]]:
        return await self.everything(documents.parked_index(self.namespace))

    async def dead_letters(self) -> list[bytes]:
        return await self.records(DEAD_LETTERS)

    async def records(self, topic: str) -> list[bytes]:
        """Every record's value in a topic."""
        consumer = AIOKafkaConsumer(
            topic_name(self.namespace, topic), bootstrap_servers=self.kafka, auto_offset_reset="earliest"
        )
        await consumer.start()
        try:
            ends = await consumer.end_offsets(consumer.assignment())
            values: list[bytes] = []
            while len(values) < sum(ends.values()):
                polled = await consumer.getmany(timeout_ms=1000)
                values += [record.value for records in polled.values() for record in records]
            return values
        finally:
            await consumer.stop()

    def settings(self, **changed: Any) -> ProjectorSettings:
        values: dict[str, Any] = {
            "namespace": self.namespace,
            "kafka_bootstrap": self.kafka,
            "elasticsearch_url": self.elasticsearch_url,
            "replica": "p1",
            "discover_every_s": 0.2,
            "drop_after_s": 3600.0,
            **changed,
        }
        return ProjectorSettings(**values)

    @asynccontextmanager
    async def projecting(self, **changed: Any) -> AsyncIterator[Projection]:
        """A whole projector in this process, without its HTTP port."""
        projection = Projection(self.settings(**changed), CollectorRegistry())
        task = asyncio.create_task(projection.run())
        try:
            yield projection
        finally:
            task.cancel()
            await asyncio.wait([task])

    @asynccontextmanager
    async def heart(self) -> AsyncIterator[None]:
        """A relay's heartbeats, five a second."""

        async def beat() -> None:
            while True:
                await self.beat()
                await asyncio.sleep(0.2)

        task = asyncio.create_task(beat())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])


@pytest.fixture
async def stack(namespace: str, kafka_bootstrap: str, elasticsearch_url: str) -> AsyncIterator[Stack]:
    await ensure_topics(kafka_bootstrap, namespace)
    async with AsyncElasticsearch(elasticsearch_url, max_retries=0) as elasticsearch:
        producer = AIOKafkaProducer(bootstrap_servers=kafka_bootstrap, acks="all", linger_ms=2)
        await producer.start()
        try:
            ends: dict[str, list[int]] = {topic: [-1] * PARTITIONS for topic in TOPICS}
            yield Stack(namespace, kafka_bootstrap, elasticsearch_url, elasticsearch, producer, ends)
        finally:
            await producer.stop()


@pytest.fixture
async def proxy(unused_tcp_port_factory: Callable[[], int]) -> AsyncIterator[Callable[[str], Proxy]]:
    """Makes proxies that are cut until mended."""
    made: list[Proxy] = []

    def make(target: str) -> Proxy:
        made.append(Proxy(unused_tcp_port_factory(), target))
        return made[-1]

    yield make
    for each in made:
        await each.cut()
