"""Feeding one index from its topic: poll, write, then commit (CORRECTNESS 15 to 19)."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from projector_service.adapters import consumer as kafka
from projector_service.adapters.dead_letters import DeadLetters
from projector_service.adapters.read_model import ReadModel
from projector_service.adapters.search import StoreUnavailable
from projector_service.backoff import Backoff
from projector_service.batch import BatchWriter
from projector_service.folding import Received, receive
from projector_service.indices import Index
from projector_service.metrics import ProjectorMetrics
from projector_service.settings import ProjectorSettings

log = structlog.get_logger(__name__)
_COMMIT_S: Final = 5.0
Polled = Mapping[TopicPartition, Sequence[ConsumerRecord]]


@dataclass(frozen=True, slots=True)
class Tools:
    """What the projectors of one process share."""

    settings: ProjectorSettings
    read_model: ReadModel
    dead_letters: DeadLetters
    metrics: ProjectorMetrics


class Projector:
    """One index's consumer. `written` is, for each partition of ours, the offset below which all is in the index."""

    def __init__(self, index: Index, tools: Tools) -> None:
        self.index = index
        self.written: dict[int, int] = {}
        self._settings = tools.settings
        self._metrics = tools.metrics
        self._topic = index.kafka_topic(tools.settings.namespace)
        self._group = index.group(tools.settings.namespace)
        self._writer = BatchWriter(index.name, index.topic, tools.read_model, tools.dead_letters)
        self._assignments = kafka.Assignments()
        self._consumer: AIOKafkaConsumer | None = None

    async def run(self) -> None:
        """Feed the index until cancelled, whatever of Kafka or Elasticsearch comes and goes."""
        backoff = Backoff()
        while True:
            began_s = time.monotonic()
            try:
                await self._consume()
            except KafkaError as error:
                log.warning("kafka_away", index=self.index.name, error=repr(error))
            except Exception:  # whatever it was must not end the feeding of this index for good
                log.exception("projector_failed", index=self.index.name)
            finally:
                self.written = {}
            if time.monotonic() - began_s > 60:
                backoff.reset()
            await asyncio.sleep(backoff.next_s())

    async def progress(self) -> tuple[dict[int, int], dict[int, int]]:
        """The whole group's committed offsets and the topic's end offsets, by partition. Raises KafkaError."""
        consumer = self._consumer
        if consumer is None:
            raise KafkaError("not consuming")
        ends = await kafka.end_offsets(consumer, self._topic)
        partitions = [TopicPartition(self._topic, partition) for partition in ends]
        return await kafka.committed_offsets(consumer, partitions), ends

    def lag(self, ends: Mapping[int, int]) -> int:
        """Messages of our partitions that are not in the index yet, as far as known; `ends` by partition."""
        behind = 0
        for partition, offset in self.written.items():
            seen = self._consumer and self._consumer.highwater(TopicPartition(self._topic, partition))
            behind += max(0, max(seen or 0, ends.get(partition, 0)) - offset)
        return behind

    async def _consume(self) -> None:
        replica = self._settings.replica
        async with kafka.group_consumer(
            self._settings.kafka_bootstrap, self._topic, self._group, replica, self._assignments
        ) as consumer:
            self._consumer = consumer
            try:
                await self._poll(consumer)
            finally:
                self._consumer = None

    async def _poll(self, consumer: AIOKafkaConsumer) -> None:
        assigned = -1
        polled: Polled = {}
        while True:
            if assigned != self._assignments.assigned:
                assigned = self._assignments.assigned
                self.written = await kafka.committed_offsets(consumer, consumer.assignment())
            polled = polled or await consumer.getmany(timeout_ms=500, max_records=self._settings.poll_records)
            if polled:
                polled = await self._advance(consumer, polled)

    async def _advance(self, consumer: AIOKafkaConsumer, polled: Polled) -> Polled:
        """Write a batch and commit it, however long Elasticsearch is away. Returns what was polled meanwhile, if any.

        Meanwhile the partitions are paused and polled, else the group would be lost after 300 s (CORRECTNESS 15). A
        rebalance drops the batch: whoever has its partitions now polls it again from the committed offsets.
        """
        revoked, backoff = self._assignments.revoked, Backoff()
        batch = [
            receive(record.partition, record.offset, record.key, record.value)
            for records in polled.values()
            for record in records
        ]
        self._metrics.received.labels(self.index.name).inc(len(batch))
        while not await self._written(batch):
            consumer.pause(*consumer.assignment())
            await asyncio.sleep(backoff.next_s())
            meanwhile = await consumer.getmany(timeout_ms=0, max_records=self._settings.poll_records)
            if revoked != self._assignments.revoked:
                consumer.resume(*consumer.assignment())
                return dict(meanwhile)
        consumer.resume(*consumer.paused())
        await self._commit(consumer, {tp: records[-1].offset + 1 for tp, records in polled.items() if records})
        return {}

    async def _written(self, batch: Sequence[Received]) -> bool:
        name = self.index.name
        began_s = time.monotonic()
        try:
            applied = await self._writer.write(batch)
        except (StoreUnavailable, KafkaError) as error:
            log.warning("batch_not_written", index=name, messages=len(batch), error=str(error))
            self._metrics.failed.labels(name).inc()
            return False
        self._metrics.batch_seconds.labels(name).observe(time.monotonic() - began_s)
        self._metrics.applied.labels(name).inc(applied.messages)
        self._metrics.rejected.labels(name).inc(applied.rejected)
        return True

    async def _commit(self, consumer: AIOKafkaConsumer, offsets: dict[TopicPartition, int]) -> None:
        """A commit that fails drops the batch: it is written, and a later commit or another poll covers it."""
        self.written.update(
            {tp.partition: offset for tp, offset in offsets.items() if offset > self.written.get(tp.partition, 0)}
        )
        # Whatever the breaker says: nobody waits for a projector, so it only tells of an outage, and a refused commit
        # would throw a batch away that is written.
        try:
            async with asyncio.timeout(_COMMIT_S):
                await kafka.commit(consumer, offsets)
        except (KafkaError, TimeoutError) as error:
            log.warning("offsets_not_committed", index=self.index.name, error=repr(error))
