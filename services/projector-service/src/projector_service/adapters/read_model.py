"""Documents, marks and watermarks of one index at a time, never through an alias (CORRECTNESS 18)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from holdfast.contracts.documents import (
    ParkedDocument,
    WatermarkDocument,
    document_id,
    parked_index,
    watermarks_index,
)
from holdfast.contracts.messages import rfc3339
from projector_service.adapters.search import Search, StoreUnavailable
from projector_service.folding import Folded, Mark, Stored

_CHUNK_BYTES: Final = 1024 * 1024
"""A bulk request's size: an order of 2,000 lines is 250 kB and as many nested documents; some fit the timeout."""
_REASON_CHARS: Final = 500


def mark_id(index: str, stream_id: str) -> str:
    return f"{index}:{stream_id}"


class ReadModel:
    """Documents with external versions. Every method raises StoreUnavailable and may then be repeated as it was."""

    def __init__(self, search: Search, namespace: str) -> None:
        self._search = search
        self._parked = parked_index(namespace)
        self._watermarks = watermarks_index(namespace)

    async def read(self, index: str, stream_ids: Sequence[str]) -> dict[str, Stored]:
        """Each stream's document, version and mark, in one request and as of now (not as of the last refresh)."""
        wanted = [{"_index": index, "_id": document_id(stream_id)} for stream_id in stream_ids]
        wanted += [{"_index": self._parked, "_id": mark_id(index, stream_id)} for stream_id in stream_ids]
        found = await self._mget(wanted)
        half = len(stream_ids)
        return {
            stream_id: _stored(document, mark)
            for stream_id, document, mark in zip(stream_ids, found[:half], found[half:], strict=True)
        }

    async def write(self, index: str, streams: Mapping[str, tuple[Stored, Folded]]) -> dict[str, str]:
        """Write what folding changed. Returns the streams whose document was refused for good, with the reason.

        A document that is there already in this version or a newer one counts as written (CORRECTNESS 19).
        """
        operations = [
            operation
            for stream_id, (before, folded) in streams.items()
            for operation in self._operations(index, stream_id, before, folded.after)
        ]
        refused: dict[str, str] = {}
        for chunk in _chunks(operations):
            refused.update(await self._bulk(chunk))
        return refused

    async def write_watermarks(self, drained_at: Mapping[str, Mapping[int, datetime]]) -> None:
        """Store watermarks by index and partition, in one request."""
        operations = []
        for index, moments in drained_at.items():
            for partition, moment in moments.items():
                document = WatermarkDocument(index=index, partition=partition, drained_at=rfc3339(moment))
                header = {"index": {"_index": self._watermarks, "_id": f"{index}:{partition}"}}
                operations.append(("", orjson.dumps(header) + b"\n" + orjson.dumps(document) + b"\n"))
        if operations:
            await self._bulk(operations)

    async def watermarks(self, index: str, partitions: Iterable[int]) -> dict[int, datetime]:
        """The stored watermark of each partition that has one."""
        found = await self._mget(
            [{"_index": self._watermarks, "_id": f"{index}:{partition}"} for partition in partitions]
        )
        documents = [answer["_source"] for answer in found if answer.get("found")]
        return {document["partition"]: datetime.fromisoformat(document["drained_at"]) for document in documents}

    async def forget(self, *, watermarks: Iterable[tuple[str, int]], marks: Iterable[tuple[str, str]]) -> None:
        """Delete watermarks by index and partition, and marks by index and stream."""
        operations = [("", _delete(self._watermarks, f"{index}:{partition}")) for index, partition in watermarks]
        operations += [("", _delete(self._parked, mark_id(index, stream_id))) for index, stream_id in marks]
        if operations:
            await self._bulk(operations)

    def _operations(self, index: str, stream_id: str, before: Stored, after: Stored) -> Iterator[tuple[str, bytes]]:
        if after.version > before.version:
            header = {
                "index": {
                    "_index": index,
                    "_id": document_id(stream_id),
                    "version": after.version,
                    "version_type": "external",
                }
            }
            yield stream_id, orjson.dumps(header) + b"\n" + orjson.dumps(after.document) + b"\n"
        key = mark_id(index, stream_id)
        if after.mark is None and before.mark is not None:
            yield "", _delete(self._parked, key)
        elif after.mark is not None and after.mark != before.mark:
            header = {"index": {"_index": self._parked, "_id": key}}
            yield "", orjson.dumps(header) + b"\n" + orjson.dumps(_parked(index, stream_id, after.mark)) + b"\n"

    async def _mget(self, wanted: list[dict[str, str]]) -> list[dict[str, Any]]:
        async with self._search.call() as client:
            answer = await client.mget(
                docs=wanted, filter_path=["docs.found", "docs._version", "docs._source", "docs.error.reason"]
            )
        found: list[dict[str, Any]] = answer["docs"]
        for document in found:
            if "error" in document:
                raise StoreUnavailable(f"mget: {document['error']}", answered=True)
        return found

    async def _bulk(self, operations: Sequence[tuple[str, bytes]]) -> dict[str, str]:
        """One request of (stream, lines). Returns which streams were refused with 400."""
        async with self._search.call() as client:
            answer = await client.bulk(
                operations=b"".join(lines for _, lines in operations),  # type: ignore[arg-type]  # bytes pass as they are
                filter_path=["items.*.status", "items.*.error.type", "items.*.error.reason"],
            )
            outcomes = [next(iter(item.values())) for item in answer["items"]]
            for (stream_id, _), outcome in zip(operations, outcomes, strict=True):
                _require_done(outcome, may_be_refused=stream_id != "")
        return {
            stream_id: f"{outcome['error']['type']}: {outcome['error']['reason']}"[:_REASON_CHARS]
            for (stream_id, _), outcome in zip(operations, outcomes, strict=True)
            if outcome["status"] == 400
        }


def _require_done(outcome: Mapping[str, Any], *, may_be_refused: bool) -> None:
    """409 is "already there", 404 without an error a mark that is gone, 400 the document's fault or a closed index."""
    status, error = outcome["status"], outcome.get("error", {})
    own_fault = may_be_refused and status == 400 and not error["type"].startswith("index_")
    if status < 300 or status == 409 or own_fault or (status == 404 and not error):
        return
    raise StoreUnavailable(f"bulk: {status} {error}", answered=status < 500)


def _stored(document: Mapping[str, Any], mark: Mapping[str, Any]) -> Stored:
    parked = mark["_source"] if mark["found"] else None
    return Stored(
        document=document["_source"] if document["found"] else None,
        version=document["_version"] if document["found"] else 0,
        mark=Mark(parked["version"], parked["latest"], parked["reason"]) if parked else None,
    )


def _parked(index: str, stream_id: str, mark: Mark) -> ParkedDocument:
    return ParkedDocument(
        index=index,
        stream_id=stream_id,
        version=mark.version,
        latest=mark.latest,
        reason=mark.reason[:_REASON_CHARS],
        parked_at=rfc3339(datetime.now(UTC)),
    )


def _delete(index: str, key: str) -> bytes:
    return orjson.dumps({"delete": {"_index": index, "_id": key}}) + b"\n"


def _chunks(operations: Sequence[tuple[str, bytes]]) -> Iterator[list[tuple[str, bytes]]]:
    """Runs of at most `_CHUNK_BYTES`, or of one operation that is larger by itself."""
    chunk: list[tuple[str, bytes]] = []
    size = 0
    for operation in operations:
        if chunk and size + len(operation[1]) > _CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
        chunk.append(operation)
        size += len(operation[1])
    if chunk:
        yield chunk
