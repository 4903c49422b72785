"""Putting the projector together: the one place where its settings meet its parts."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import structlog
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from holdfast.contracts.messages import DEAD_LETTERS, rfc3339
from holdfast.messaging import KafkaUnavailable, TopicMismatch, ensure_topics, topic_name
from holdfast.resilience.dependencies import Dependencies
from holdfast.resilience.guard import Guard
from holdfast.resilience.settings import ELASTICSEARCH_BULKHEAD, BulkheadSettings, GuardSettings
from holdfast.service.app import create_app
from holdfast.service.health import Health, Readiness
from projector_service.adapters.catalog import Catalog
from projector_service.adapters.dead_letters import DeadLetters
from projector_service.adapters.read_model import ReadModel
from projector_service.adapters.search import Search, classify, connect
from projector_service.feeds import Feeds
from projector_service.metrics import ProjectorMetrics
from projector_service.projector import Tools
from projector_service.settings import ProjectorSettings
from projector_service.watermarks import Watermarks

log = structlog.get_logger(__name__)
SERVICE = "projector-service"
_TOPICS_EVERY_S = 5.0
_KAFKA_BULKHEAD = BulkheadSettings(limit=16, queue=8)  # dead letters and the probe


class Projection:
    """Everything that runs in one projector process."""

    def __init__(self, settings: ProjectorSettings, registry: CollectorRegistry) -> None:
        self._settings = settings
        self.elasticsearch = Guard("elasticsearch", GuardSettings(bulkhead=ELASTICSEARCH_BULKHEAD), classify=classify)
        self.kafka = Guard("kafka", GuardSettings(bulkhead=_KAFKA_BULKHEAD))
        timeout_s = settings.store_timeout_s
        self._client = connect(settings.elasticsearch_url)
        self._dead_letters = DeadLetters(
            settings.kafka_bootstrap,
            topic_name(settings.namespace, DEAD_LETTERS),
            self.kafka,
            client_id=f"projector-{settings.replica}",
            timeout_s=timeout_s,
        )
        self._metrics = ProjectorMetrics(registry)
        read_model = ReadModel(Search(self._client, self.elasticsearch, timeout_s), settings.namespace)
        tools = Tools(settings, read_model, self._dead_letters, self._metrics)
        slow = Search(self._client, self.elasticsearch, settings.index_timeout_s)
        self.feeds = Feeds(tools, Catalog(slow, read_model, settings.namespace))
        self.watermarks = Watermarks(settings, read_model, self.kafka, lambda: self.feeds.projectors)
        self._has_topics = False

    async def run(self) -> None:
        """Until cancelled. Nothing has to be there at the start, and everything may come and go.

        Raises RuntimeError when a part of it ended, which none ever should.
        """
        works = (self._keep_topics(), self.feeds.run(), self.watermarks.read(), self.watermarks.store())
        tasks = [asyncio.create_task(work) for work in works]
        try:
            ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            raise RuntimeError(f"ended: {[repr(task) for task in ended]}")
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            await self._dead_letters.close()
            await self._client.close()

    def readiness(self) -> Readiness:
        """It serves nobody, so it always serves; what it lacks is told."""
        states = {"elasticsearch": self.feeds.sees_indices, "kafka": self._has_topics}
        return Readiness(True, {name: "up" if well else "away" for name, well in states.items()})

    def status(self) -> Mapping[str, Any]:
        """`projection` of /status: messages behind, and the time that everything served is as of."""
        behind = 0
        for projector in self.feeds.projectors:
            lag = projector.lag(self.watermarks.heartbeats.ends(projector.index.topic))
            self._metrics.lag.labels(projector.index.name).set(lag)
            behind += lag if projector.index.serves else 0
        as_of = self.watermarks.as_of()
        return {"projection": {"lag_events": behind, "as_of": rfc3339(as_of) if as_of else None}}

    async def _keep_topics(self) -> None:
        """Topics that are not there are made, also when Kafka lost them later."""
        while True:
            try:
                created = await ensure_topics(self._settings.kafka_bootstrap, self._settings.namespace)
                self._has_topics = True
                if created:
                    log.info("topics_made", topics=created)
            except (KafkaUnavailable, TopicMismatch) as error:
                self._has_topics = False
                log.warning("no_topics", error=str(error))
            await asyncio.sleep(_TOPICS_EVERY_S if self._has_topics else 1.0)


@asynccontextmanager
async def opened_catalog(settings: ProjectorSettings) -> AsyncIterator[Catalog]:
    """The indices alone, for the named commands."""
    guard = Guard("elasticsearch", GuardSettings(bulkhead=ELASTICSEARCH_BULKHEAD), classify=classify)
    async with connect(settings.elasticsearch_url) as client:
        search = Search(client, guard, settings.index_timeout_s)
        yield Catalog(search, ReadModel(search, settings.namespace), settings.namespace)


@asynccontextmanager
async def opened(settings: ProjectorSettings) -> AsyncIterator[tuple[FastAPI, asyncio.Task[None]]]:
    """The application with the health routes, and the projection, which runs until the block ends."""
    registry = CollectorRegistry()
    projection = Projection(settings, registry)
    dependencies = Dependencies(SERVICE)
    for guard in (projection.elasticsearch, projection.kafka):
        dependencies.add(guard)
    health = Health(
        readiness=projection.readiness,
        dependencies=lambda: [line.as_json() for line in dependencies.status()],
        extra=projection.status,
    )
    task = asyncio.create_task(projection.run(), name="projection")
    try:
        yield create_app(SERVICE, settings, registry=registry, health=health), task
    finally:
        task.cancel()
        await asyncio.wait([task])
