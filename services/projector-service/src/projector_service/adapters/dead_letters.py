"""Records that could not be applied, kept where somebody looks at them."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

import orjson
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, KafkaTimeoutError

from holdfast.contracts.messages import rfc3339
from holdfast.messaging import make_producer
from holdfast.resilience.deadline import Deadline
from holdfast.resilience.errors import ResilienceError
from holdfast.resilience.guard import Guard
from projector_service.folding import Rejected

_SHOWN_BYTES: Final = 64 * 1024
"""Of a record's value; the whole of it stays in its topic, which keeps everything."""
_Place = tuple[str, str, int, int]
"""Index, topic, partition, offset."""


class DeadLetters:
    """Sends to the topic `dead-letters`, keyed by stream; at least once. Connects when first needed.

    Value: `{index, topic, partition, offset, stream_id, reason, value, rejected_at}`, `value` the record's text.
    """

    def __init__(self, bootstrap: str, topic: str, guard: Guard, *, client_id: str, timeout_s: float) -> None:
        self._bootstrap = bootstrap
        self._guard = guard
        self._topic = topic
        self._client_id = client_id
        self._timeout_s = timeout_s
        self._producer: AIOKafkaProducer | None = None
        self._under_way: dict[_Place, asyncio.Future[Any]] = {}
        self._one_at_a_time = asyncio.Lock()

    async def send(self, index: str, topic: str, rejected: Sequence[Rejected]) -> None:
        """Return once Kafka has acknowledged all. Raises KafkaError when that takes too long.

        Asked again for the same records it goes on waiting: what a live producer has been given is never given to it
        twice (CORRECTNESS 14).
        """
        places = {(index, topic, one.received.partition, one.received.offset): one for one in rejected}
        try:
            async with self._guard(Deadline.after(self._timeout_s)), self._one_at_a_time:
                producer = await self._connected()
                for place, one in places.items():
                    if place not in self._under_way:
                        value, key = _letter(index, topic, one), one.received.stream_id.encode()
                        self._under_way[place] = await producer.send(self._topic, value, key=key)
                await asyncio.wait([self._under_way[place] for place in places])
        except (KafkaError, ResilienceError) as error:
            raise KafkaTimeoutError(f"dead letters were not acknowledged: {error!r}") from error
        for sent in [self._under_way.pop(place) for place in places]:
            sent.result()

    async def close(self) -> None:
        """Let go of the connection. What is under way may or may not arrive; its records were not committed."""
        if self._producer is not None:
            await abandon(self._producer)

    async def _connected(self) -> AIOKafkaProducer:
        if self._producer is None:
            producer = make_producer(self._bootstrap, self._client_id)
            try:
                await producer.start()
            except BaseException:
                await abandon(producer)
                raise
            self._producer = producer
        return self._producer


async def abandon(client: Any) -> None:
    """Stop a Kafka client that may be unable to: at most 2 s, whatever it says."""
    try:
        async with asyncio.timeout(2.0):
            await client.stop()
    except (KafkaError, TimeoutError, OSError):
        pass


def _letter(index: str, topic: str, rejected: Rejected) -> bytes:
    received = rejected.received
    return orjson.dumps(
        {
            "index": index,
            "topic": topic,
            "partition": received.partition,
            "offset": received.offset,
            "stream_id": received.stream_id,
            "reason": rejected.reason,
            "value": received.value[:_SHOWN_BYTES].decode("utf-8", "replace"),
            "rejected_at": rfc3339(datetime.now(UTC)),
        }
    )
