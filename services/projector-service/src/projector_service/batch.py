"""One batch of records into one index: read, fold, report, write."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final

from holdfast.contracts.documents import document_id
from holdfast.contracts.messages import TOPIC_OF_KIND, Topic
from projector_service.adapters.dead_letters import DeadLetters
from projector_service.adapters.read_model import ReadModel
from projector_service.adapters.search import StoreUnavailable
from projector_service.folding import Folded, Received, Rejected, Stored, fold, refuse

_MOST_STREAMS: Final = 1_000
_LONGEST_STREAM_ID_BYTES: Final = 300
"""Elasticsearch's ids have at most 512 bytes, and a mark's is the index's name longer."""


@dataclass(frozen=True, slots=True)
class Applied:
    """What a batch came to: messages that advanced a document, records that parked a stream or belong to none."""

    messages: int = 0
    rejected: int = 0


class BatchWriter:
    """Writes batches into one index. After any error the same batch may be written again: nothing is doubled."""

    def __init__(self, index: str, topic: Topic, read_model: ReadModel, dead_letters: DeadLetters) -> None:
        self._index = index
        self._topic = topic
        self._read_model = read_model
        self._dead_letters = dead_letters
        self._most_streams = _MOST_STREAMS

    async def write(self, batch: Sequence[Received]) -> Applied:
        """Fold the batch into its documents. Raises StoreUnavailable or KafkaError, having done a part or nothing.

        What takes too long at once is tried in halves the next time, down to stream by stream.
        """
        streams, strays = self._by_stream(batch)
        if strays:
            await self._dead_letters.send(self._index, self._topic, strays)
        applied, rejected = 0, len(strays)
        for some in _slices(streams, self._most_streams):
            try:
                done = await self._write(some)
            except StoreUnavailable as error:
                if error.timed_out:
                    self._most_streams = max(1, min(len(streams), self._most_streams) // 2)
                raise
            applied += done.messages
            rejected += done.rejected
        self._most_streams = min(_MOST_STREAMS, self._most_streams * 2)
        return Applied(applied, rejected)

    async def _write(self, streams: Mapping[str, Sequence[Received]]) -> Applied:
        stored = await self._read_model.read(self._index, list(streams))
        folded = {stream_id: fold(stored[stream_id], received) for stream_id, received in streams.items()}
        changed = {
            stream_id: (stored[stream_id], result)
            for stream_id, result in folded.items()
            if result.after != stored[stream_id] or result.rejected
        }
        refused = await self._report_and_write(changed)
        parked = {stream_id: refuse(stored[stream_id], streams[stream_id], why) for stream_id, why in refused.items()}
        # The mark may have been written or deleted along with the refused document, so it is written whatever it was.
        await self._report_and_write(
            {stream_id: (replace(stored[stream_id], mark=None), result) for stream_id, result in parked.items()}
        )
        results = (folded | parked).values()
        return Applied(sum(result.applied for result in results), sum(len(result.rejected) for result in results))

    async def _report_and_write(self, streams: Mapping[str, tuple[Stored, Folded]]) -> dict[str, str]:
        """Dead letters are acknowledged before the marks that let their records be passed over (CORRECTNESS 17)."""
        rejected = [one for _, folded in streams.values() for one in folded.rejected]
        if rejected:
            await self._dead_letters.send(self._index, self._topic, rejected)
        return await self._read_model.write(self._index, streams) if streams else {}

    def _by_stream(self, batch: Sequence[Received]) -> tuple[dict[str, list[Received]], list[Rejected]]:
        """The batch by stream, and the records whose key names none of this topic's streams."""
        streams: dict[str, list[Received]] = {}
        strays: list[Rejected] = []
        for received in batch:
            if self._is_stream(received.stream_id):
                streams.setdefault(received.stream_id, []).append(received)
            else:
                strays.append(Rejected(received, f"its key is no stream of {self._topic}"))
        return streams, strays

    def _is_stream(self, stream_id: str) -> bool:
        kind = stream_id.partition("-")[0]
        fits = len(stream_id.encode()) <= _LONGEST_STREAM_ID_BYTES
        return fits and TOPIC_OF_KIND.get(kind) == self._topic and document_id(stream_id) != ""


def _slices(streams: Mapping[str, list[Received]], size: int) -> Iterator[dict[str, list[Received]]]:
    rest = iter(streams.items())
    while some := dict(islice(rest, size)):
        yield some
