"""Relays on a database, topics and a kind of stream of their own."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiokafka import ConsumerRecord

from command_service.relay.process import relay
from command_service.relay.relay import Progress
from command_service.relay.settings import RelaySettings
from holdfast.contracts.messages import TOPICS, Heartbeat, Message
from holdfast.eventstore import (
    Append,
    Database,
    Kind,
    Metadata,
    RecordedEvent,
    append,
    lock_streams,
)
from holdfast.messaging import ensure_topics, make_consumer
from holdfast.resilience.deadline import Deadline


def _kind(name: str) -> Kind[int, int]:
    return Kind(
        name=name,
        initial=lambda: 0,
        evolve=lambda total, amount: total + amount,
        dump_state=lambda total: {"total": total},
        load_state=lambda stored: stored["total"],
        dump_event=lambda amount: ("Added", 1, {"amount": amount}),
        load_event=lambda _type, data: data["amount"],
    )


KINDS = {name: _kind(name) for name in ("cart", "order")}


def to_message(event: RecordedEvent) -> Message:
    """The tests' own translation. Amount 13 cannot be published."""
    if event.data["amount"] == 13:
        raise ValueError("13")
    return Message(
        stream_id=event.stream_id,
        version=event.version,
        type=event.type,
        schema_version=event.schema_version,
        recorded_at=event.recorded_at,
        position=event.position,
        data=event.data,
        metadata={"traceparent": event.metadata.audit.traceparent},
    )


@dataclass
class Running:
    """A relay at work in this process."""

    task: asyncio.Task[None]
    progress: Progress
    stopping: asyncio.Event

    async def until(self, reached: Callable[[Progress], object], within_s: float = 20) -> None:
        async with asyncio.timeout(within_s):
            while not reached(self.progress):
                if self.task.done():
                    self.task.result()
                await asyncio.sleep(0.01)


@dataclass
class Plant:
    """Writers, relays and readers of one test."""

    dsn: str
    bootstrap: str
    namespace: str
    database: Database
    records: list[ConsumerRecord] = field(default_factory=list)

    def settings(self, **changes: Any) -> RelaySettings:
        given = {"postgres_dsn": self.dsn, "kafka_bootstrap": self.bootstrap, "namespace": self.namespace}
        return RelaySettings(replica="test", **{**given, **changes})

    @asynccontextmanager
    async def relay(self, **changes: Any) -> AsyncIterator[Running]:
        progress, stopping = Progress(), asyncio.Event()
        task = asyncio.create_task(relay(self.settings(**changes), to_message, progress, stopping))
        running = Running(task, progress, stopping)
        try:
            yield running
        finally:
            stopping.set()
            await asyncio.wait({task}, timeout=10)
            task.cancel()
            await asyncio.wait({task})

    async def add(self, *stream_ids: str, amounts: tuple[int, ...] = (1,), metadata: Metadata | None = None) -> None:
        """Append to `cart-…` and `order-…` streams in one transaction."""
        refs = [(KINDS[kind], identity) for kind, _, identity in (each.partition("-") for each in stream_ids)]
        async with self.database.transaction(Deadline.after(10)) as tx:
            streams = await lock_streams(tx, refs)
            appends = [Append(each, list(amounts)) for each in streams.values()]
            await append(tx, appends, metadata or Metadata())

    async def query(self, sql: str, *args: Any) -> list[Any]:
        connection = await self.database.connect(timeout_s=10)
        try:
            return await connection.fetch(sql, *args)
        finally:
            await connection.close()

    async def pending(self) -> int:
        return int((await self.query("SELECT count(*) FROM outbox"))[0][0])

    async def read(self, topics: tuple[str, ...] = TOPICS) -> list[ConsumerRecord]:
        """Everything that lies in the topics now, per partition in order."""
        consumer = make_consumer(self.bootstrap, *(self.namespace + topic for topic in topics), client_id="test-reader")
        await consumer.start()
        try:
            parts = consumer.assignment()
            ends = await consumer.end_offsets(list(parts))
            records: list[ConsumerRecord] = []
            async with asyncio.timeout(20):
                while any([await consumer.position(part) < ends[part] for part in parts]):
                    for batch in (await consumer.getmany(timeout_ms=200)).values():
                        records += batch
            return records
        finally:
            await consumer.stop()

    async def versions(self) -> dict[str, list[int]]:
        """Each stream's versions as they lie in its partition."""
        seen: dict[str, list[int]] = defaultdict(list)
        for record in await self.read():
            message = Message.from_bytes(record.value)
            assert record.key.decode() == message.stream_id
            seen[message.stream_id].append(message.version)
        return dict(seen)

    async def heartbeats(self) -> list[Heartbeat]:
        return [Heartbeat.from_bytes(record.value) for record in await self.read(("heartbeats",))]


@pytest.fixture
async def plant(store: str, kafka_bootstrap: str, namespace: str) -> AsyncIterator[Plant]:
    plant = Plant(store, kafka_bootstrap, namespace, Database(store))
    await ensure_topics(kafka_bootstrap, namespace)
    yield plant
    plant.database.close()
