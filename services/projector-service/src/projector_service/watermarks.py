"""Reading the relay's heartbeats and storing how fresh each index is (CORRECTNESS 24)."""

import asyncio
from collections.abc import Callable, Collection
from datetime import datetime

import structlog
from aiokafka.errors import KafkaError

from holdfast.contracts.messages import HEARTBEATS, Heartbeat, MalformedMessage
from holdfast.messaging import topic_name
from holdfast.resilience.guard import Guard
from projector_service.adapters.consumer import probed, tail_consumer
from projector_service.adapters.read_model import ReadModel
from projector_service.adapters.search import StoreUnavailable
from projector_service.backoff import Backoff
from projector_service.freshness import Heartbeats
from projector_service.projector import Projector
from projector_service.settings import ProjectorSettings

log = structlog.get_logger(__name__)


class Watermarks:
    """One for a process, for all its projectors."""

    def __init__(
        self,
        settings: ProjectorSettings,
        read_model: ReadModel,
        kafka: Guard,
        projectors: Callable[[], Collection[Projector]],
    ) -> None:
        self.heartbeats = Heartbeats()
        self._settings = settings
        self._read_model = read_model
        self._kafka = kafka
        self._projectors = projectors
        self._beaten = asyncio.Event()
        self._stored: dict[str, dict[int, datetime]] = {}

    def as_of(self) -> datetime | None:
        """The oldest watermark stored of the indices that serve, None while one is missing or none is ours."""
        serving = [projector for projector in self._projectors() if projector.index.serves and projector.written]
        moments = [
            self._stored.get(projector.index.name, {}).get(partition)
            for projector in serving
            for partition in projector.written
        ]
        known = [moment for moment in moments if moment is not None]
        return min(known) if known and len(known) == len(moments) else None

    async def read(self) -> None:
        """Follow the heartbeats until cancelled, whether Kafka is there or not."""
        backoff = Backoff()
        topic = topic_name(self._settings.namespace, HEARTBEATS)
        while True:
            try:
                async with (
                    tail_consumer(self._settings.kafka_bootstrap, topic, self._settings.replica) as consumer,
                    probed(consumer, topic, self._kafka),
                ):
                    backoff.reset()
                    async for record in consumer:
                        self._take(record.value)
            except (KafkaError, OSError) as error:
                log.warning("no_heartbeats", error=repr(error))
            await asyncio.sleep(backoff.next_s())

    async def store(self) -> None:
        """Store what moved, at each heartbeat and at least every 500 ms, until cancelled."""
        while True:
            try:
                async with asyncio.timeout(0.5):
                    await self._beaten.wait()
                await asyncio.sleep(0.1)  # what the heartbeat tells of is being written just now
            except TimeoutError:
                pass
            self._beaten.clear()
            try:
                await self._store()
            except StoreUnavailable as error:
                log.warning("watermarks_not_stored", error=str(error))
                await asyncio.sleep(0.4)

    def _take(self, value: bytes | None) -> None:
        try:
            self.heartbeats.add(Heartbeat.from_bytes(value or b""))
        except MalformedMessage as error:
            log.warning("heartbeat_unreadable", error=error.reason)
        self._beaten.set()

    async def _store(self) -> None:
        moved: dict[str, dict[int, datetime]] = {}
        for projector in self._projectors():
            name = projector.index.name
            drained_at = self.heartbeats.drained_at(projector.index.topic, projector.written)
            stored = self._stored.get(name, {})
            changed = {partition: at for partition, at in drained_at.items() if stored.get(partition) != at}
            if changed:
                moved[name] = changed
        await self._read_model.write_watermarks(moved)
        for name, changed in moved.items():
            self._stored.setdefault(name, {}).update(changed)
