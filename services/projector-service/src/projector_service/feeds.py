"""One projector for each index that exists, and the way from an old index to a new one (CORRECTNESS 18)."""

import asyncio
import time
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog
from aiokafka.errors import KafkaError
from elasticsearch import ApiError

from holdfast.contracts.messages import TOPICS
from projector_service.adapters.catalog import Catalog
from projector_service.adapters.search import StoreUnavailable
from projector_service.indices import Index, candidate, caught_up, outdated
from projector_service.projector import Projector, Tools

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Feed:
    projector: Projector
    task: asyncio.Task[None]


class Feeds:
    """Looks at the indices once a second and makes the running projectors match them."""

    def __init__(self, tools: Tools, catalog: Catalog) -> None:
        self._tools = tools
        self._settings = tools.settings
        self._catalog = catalog
        self._feeds: dict[str, _Feed] = {}
        self._ends_before: dict[str, dict[int, int]] = {}
        self._outdated_since_s: dict[str, float] = {}
        self.sees_indices = False

    @property
    def projectors(self) -> list[Projector]:
        return [feed.projector for feed in self._feeds.values()]

    async def run(self) -> None:
        """Until cancelled, whether Elasticsearch is there or not."""
        try:
            while True:
                try:
                    await self.look()
                    self.sees_indices = True
                except (StoreUnavailable, ApiError) as error:
                    self.sees_indices = False
                    log.warning("indices_not_seen", error=str(error))
                except Exception:  # a look that failed must not end all the later ones
                    log.exception("look_failed")
                await asyncio.sleep(self._settings.discover_every_s)
        finally:
            await self._stop(*self._feeds)

    async def look(self) -> None:
        """Make missing indices, feed all of ours, switch to those that caught up, drop those replaced long enough."""
        present = await self._catalog.present()
        await self._stop_all_but(present)  # before an index is made anew under a name that is still being fed
        indices = await self._catalog.ensure()
        for index in indices:
            if index.ours:
                self._feed(index)
        for topic in TOPICS:
            of_topic = [index for index in indices if index.topic == topic]
            newest = candidate(of_topic)
            if newest is not None and await self._caught_up(newest):
                await self._catalog.serve(newest, of_topic)
                log.info("index_serves", index=newest.name, before=[index.name for index in of_topic if index.serves])
        await self._drop_outdated([old for topic in TOPICS for old in outdated(_of(indices, topic))])

    def _feed(self, index: Index) -> None:
        feed = self._feeds.get(index.name)
        if feed is not None and not feed.task.done():
            feed.projector.index = index
            return
        projector = Projector(index, self._tools)
        task = asyncio.create_task(projector.run(), name=f"projector-{index.name}")
        self._feeds[index.name] = _Feed(projector, task)
        log.info("index_fed", index=index.name, group=index.group(self._settings.namespace), serves=index.serves)

    async def _stop_all_but(self, present: Collection[Index]) -> None:
        still = {index.name: index.uuid for index in present}
        gone = [name for name, feed in self._feeds.items() if still.get(name) != feed.projector.index.uuid]
        if gone:
            log.info("indices_gone", indices=gone)
            await self._stop(*gone)

    async def _stop(self, *names: str) -> None:
        """Stop feeding these indices, as far as they are fed."""
        tasks = [self._feeds.pop(name).task for name in names if name in self._feeds]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        for name in names:
            self._ends_before.pop(name, None)
            self._tools.metrics.forget(name)

    async def _caught_up(self, index: Index) -> bool:
        """Compares with the ends read at the look before, which came when the rebuild had reached those before it."""
        feed = self._feeds[index.name]
        try:
            committed, ends = await feed.projector.progress()
        except KafkaError as error:
            log.info("progress_unknown", index=index.name, error=repr(error))
            return False
        ends_before = self._ends_before.get(index.name, {})
        self._ends_before[index.name] = ends
        watermarks = await self._tools.read_model.watermarks(index.name, ends)
        return caught_up(committed, ends_before, watermarks, now=datetime.now(UTC), fresh_s=self._settings.fresh_s)

    async def _drop_outdated(self, old: Collection[Index]) -> None:
        now_s = time.monotonic()
        since_s = {index.name: self._outdated_since_s.get(index.name, now_s) for index in old}
        self._outdated_since_s = since_s
        for index in old:
            if now_s - since_s[index.name] >= self._settings.drop_after_s:
                await self._stop(index.name)
                await self._catalog.drop(index)
                log.info("index_dropped", index=index.name)


def _of(indices: Collection[Index], topic: str) -> list[Index]:
    return [index for index in indices if index.topic == topic]
