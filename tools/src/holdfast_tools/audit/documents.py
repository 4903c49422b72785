"""Every document of the read model against a fresh fold of its stream's events."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from elasticsearch import ApiError, AsyncElasticsearch, TransportError

from holdfast.contracts.documents import Document, alias, parked_index
from holdfast.contracts.messages import TOPICS, Message, Topic
from holdfast_tools.audit.findings import Check
from holdfast_tools.command_line import UserError
from projector_service.projection import project

_BATCH: Final = 500


class DocumentCheck:
    """Folds streams as they come and compares them with Elasticsearch in batches."""

    def __init__(self, check: Check, elasticsearch: AsyncElasticsearch, namespace: str) -> None:
        self._check = check
        self._elasticsearch = elasticsearch
        self._namespace = namespace
        self._fold: Document | None = None
        self._stream = ""
        self._topic: Topic = TOPICS[0]
        self._batch: list[tuple[Topic, str, Document]] = []
        self._streams = dict.fromkeys(TOPICS, 0)

    async def take(self, message: Message) -> None:
        """The next event; streams come one after the other, each in order."""
        if message.stream_id != self._stream:
            await self._ended()
            self._stream, self._topic = message.stream_id, message.topic
        self._fold = project(self._fold, message)

    async def finish(self) -> None:
        """Compare the rest, and count the documents of each index."""
        await self._ended()
        await self._compare()
        for topic, streams in self._streams.items():
            index = alias(self._namespace, topic)
            try:
                await self._elasticsearch.indices.refresh(index=index)
                count = (await self._elasticsearch.count(index=index))["count"]
            except (ApiError, TransportError) as error:
                raise UserError(f"Elasticsearch: {error}") from error
            self._check.expect(count == streams, f"index {index} holds {count} documents for {streams} streams")

    async def _ended(self) -> None:
        if self._fold is None:
            return
        self._streams[self._topic] += 1
        self._batch.append((self._topic, self._stream.partition("-")[2], self._fold))
        self._fold = None
        if len(self._batch) >= _BATCH:
            await self._compare()

    async def _compare(self) -> None:
        if not self._batch:
            return
        wanted = [{"_index": alias(self._namespace, topic), "_id": identity} for topic, identity, _ in self._batch]
        try:
            answer = await self._elasticsearch.mget(docs=wanted)
        except (ApiError, TransportError) as error:
            raise UserError(f"Elasticsearch: {error}") from error
        for (topic, identity, fold), found in zip(self._batch, answer["docs"], strict=True):
            self._check.expect(not _differs(fold, found), f"{topic}/{identity}: {_differs(fold, found)}")
        self._batch.clear()


def _differs(fold: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    if not found.get("found"):
        return "no document"
    if found["_version"] != fold["version"]:
        return f"stored at version {found['_version']}, events give {fold['version']}"
    fields = [name for name in fold.keys() | found["_source"].keys() if fold.get(name) != found["_source"].get(name)]
    return f"differs in {', '.join(sorted(fields))}" if fields else ""


async def parked(elasticsearch: AsyncElasticsearch, namespace: str) -> Sequence[str]:
    """The streams that are parked, as `<index>:<stream id>`."""
    try:
        await elasticsearch.indices.refresh(index=parked_index(namespace))
        answer = await elasticsearch.search(index=parked_index(namespace), size=100)
    except (ApiError, TransportError) as error:
        raise UserError(f"Elasticsearch: {error}") from error
    return [hit["_id"] for hit in answer["hits"]["hits"]]
