"""Making, listing, switching and dropping indices. Any number of projectors may do so at once."""

from collections.abc import Collection, Mapping
from typing import Any, Final

from elasticsearch import ApiError

from holdfast.contracts import documents
from holdfast.contracts.messages import PARTITIONS, TOPICS, Topic
from projector_service.adapters.read_model import ReadModel
from projector_service.adapters.search import Search
from projector_service.indices import Index, parse

_MARKS: Final = 1_000


class Catalog:
    """The indices of one namespace. Every method raises StoreUnavailable and may then be repeated."""

    def __init__(self, search: Search, read_model: ReadModel, namespace: str) -> None:
        self._search = search
        self._read_model = read_model
        self._namespace = namespace

    async def ensure(self) -> list[Index]:
        """Every topic's indices, after making what is missing: a topic's first one together with its alias, the marks
        and the watermarks. A topic whose indices are all of an older projection version than ours gets one of ours
        that does not serve yet; one that a newer program serves already is left to that.
        """
        await self._create(documents.watermarks_index(self._namespace), documents.watermarks_definition())
        await self._create(documents.parked_index(self._namespace), documents.parked_definition())
        indices = await self.present()
        newest = {index.topic: index.projection_version for index in sorted(indices, key=lambda index: index.rank)}
        lacking = [topic for topic in TOPICS if newest.get(topic, 0) < documents.PROJECTION_VERSION[topic]]
        for topic in lacking:
            await self.create(topic, documents.index_name(self._namespace, topic, "0"), serve=topic not in newest)
        return await self.present() if lacking else indices

    async def present(self) -> list[Index]:
        patterns = [documents.index_pattern(self._namespace, topic) for topic in TOPICS]
        async with self._search.call() as client:
            answer: Any = await client.indices.get(
                index=patterns,
                expand_wildcards="open",
                filter_path=["*.settings.index.uuid", "*.aliases.*"],
            )
        parsed = (
            parse(self._namespace, topic, name, about["settings"]["index"]["uuid"], about.get("aliases", {}))
            for name, about in dict(answer).items()
            for topic in TOPICS
        )
        return [index for index in parsed if index is not None]

    async def create(self, topic: Topic, name: str, *, serve: bool) -> None:
        """Create an index, with the alias on it from the first moment if it is to serve. There already: well."""
        aliases: dict[str, Any] = {documents.alias(self._namespace, topic): {}} if serve else {}
        await self._create(name, {**documents.index_definition(topic), "aliases": aliases})

    async def serve(self, index: Index, indices: Collection[Index]) -> None:
        """Put the alias on `index` and on nothing else, in one step, once what it holds can be found by searches."""
        alias = documents.alias(self._namespace, index.topic)
        actions: list[dict[str, Any]] = [
            {"remove": {"index": other.name, "alias": alias, "must_exist": False}}
            for other in indices
            if other.serves and other.topic == index.topic
        ]
        async with self._search.call() as client:
            await client.indices.refresh(index=index.name)
        async with self._search.call() as client:
            await client.indices.update_aliases(actions=[*actions, {"add": {"index": index.name, "alias": alias}}])

    async def drop(self, index: Index) -> None:
        """Delete an index with its watermarks and marks; gone already: well."""
        async with self._search.call() as client:
            await client.indices.delete(index=index.name, ignore_unavailable=True)
        marks = await self.marks(index=index.name)
        await self._read_model.forget(
            watermarks=[(index.name, partition) for partition in range(PARTITIONS)],
            marks=[(mark["index"], mark["stream_id"]) for mark in marks],
        )

    async def marks(self, **term: str) -> list[dict[str, Any]]:
        """Up to 1,000 marks of parked streams, of one `index` or `stream_id` or all, as of the last refresh."""
        query: dict[str, Any] = {"term": term} if term else {"match_all": {}}
        async with self._search.call() as client:
            answer = await client.search(
                index=documents.parked_index(self._namespace), query=query, size=_MARKS, sort=["stream_id", "index"]
            )
        return [hit["_source"] for hit in answer["hits"]["hits"]]

    async def release(self, stream_id: str) -> list[str]:
        """Take a stream's marks off; returns in which indices it was parked."""
        indices = [mark["index"] for mark in await self.marks(stream_id=stream_id)]
        await self._read_model.forget(watermarks=[], marks=[(index, stream_id) for index in indices])
        return indices

    async def _create(self, name: str, definition: Mapping[str, Any]) -> None:
        try:
            async with self._search.call() as client:
                if not await client.indices.exists(index=name):
                    await client.indices.create(index=name, **definition)
        except ApiError as error:
            if error.error != "resource_already_exists_exception":
                raise
