"""The relay: reads the outbox in order, publishes, waits for every acknowledgement, deletes (CORRECTNESS 11 to 14).

One leads, others stand by. The leader ends with an exception as soon as its session or its producer is lost; it never
tries to go on, for another may lead already and what it had sent may still arrive. Its process is started again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, Final, TypeVar

import structlog

from command_service.relay.outbox import Backlog, Batch, delete_rows, look, read_batch
from command_service.relay.publisher import Publisher, encoded
from command_service.relay.session import KEEP_ALIVE_S, LeaderSession
from holdfast.contracts.messages import Message
from holdfast.eventstore import RecordedEvent
from holdfast.messaging import KafkaUnavailable, TopicMismatch, acknowledged
from holdfast.resilience.guard import Guard
from holdfast.resilience.settings import BulkheadSettings, GuardSettings

log = structlog.get_logger(__name__)

POLL_S: Final = 0.025
HEARTBEAT_S: Final = 0.5
ALARM_AFTER_S: Final = 5.0  # acknowledgements take milliseconds
_PAUSE_S: Final = (0.1, 2.0)  # background work: 0.1 s, doubling to 2 s (RESILIENCE 2)

T = TypeVar("T")
ToMessage = Callable[[RecordedEvent], Message]


@dataclass(slots=True)
class Progress:
    """What a relay tells of itself.

    `backlog` is None until it leads; `waiting_s` is how long the batch in flight has waited for Kafka, 0 without one;
    `drained_at` is None until this process has drained the outbox once; `held_streams` cannot be published.
    `kafka_guard` has room for a batch and a heartbeat.
    """

    postgres: str = "connecting"
    kafka: str = "connecting"
    leads: bool = False
    backlog: Backlog | None = None
    published: int = 0
    waiting_s: float = 0.0
    drained_at: datetime | None = None
    held_streams: set[str] = field(default_factory=set)
    kafka_guard: Guard = field(default_factory=lambda: Guard("kafka", GuardSettings(BulkheadSettings(2, queue=0))))


class Relay:
    """The leader's work. `session` must hold the lock; `open_publisher` raises `KafkaUnavailable` while Kafka is away.

    Give `progress` to whoever reports it.
    """

    def __init__(
        self,
        session: LeaderSession,
        open_publisher: Callable[[], Coroutine[Any, Any, Publisher]],
        to_message: ToMessage,
        progress: Progress,
        stopping: asyncio.Event,
    ) -> None:
        self._session = session
        self._open_publisher = open_publisher
        self._to_message = to_message
        self._progress = progress
        self._stopping = stopping
        self._held: set[int] = set()
        self._looked_at_s = 0.0

    async def run(self) -> None:
        """Publish until `stopping` is set, then return once the batch in flight is acknowledged and deleted.

        Raises `LeadershipLost` and `PublishingFailed`: the process must end then, without flushing its producer.
        """
        await self._look()
        publisher = await self._publisher()
        if publisher is None:
            return
        beats = asyncio.create_task(self._beat(publisher))
        try:
            while not self._stopping.is_set() and not beats.done():
                batch = await read_batch(self._session, self._held)
                await self._relay(publisher, batch)
                if batch.last:
                    self._progress.drained_at = batch.read_at
                    await self._rest(POLL_S)
            if beats.done():
                beats.result()
        finally:
            beats.cancel()
        await publisher.close()

    async def _publisher(self) -> Publisher | None:
        """A publisher as soon as Kafka is there, None when stopped before."""
        pause_s, longest_s = _PAUSE_S
        while not self._stopping.is_set():
            self._progress.kafka = "connecting"
            try:
                publisher = await self._meanwhile(self._open_publisher())
            except KafkaUnavailable as error:
                self._progress.kafka = error.reason
                log.warning("kafka_away", reason=error.reason, again_in_s=pause_s)
                await self._rest(pause_s)
                pause_s = min(pause_s * 2, longest_s)
            else:
                self._progress.kafka = "up"
                return publisher
        return None

    async def _relay(self, publisher: Publisher, batch: Batch) -> None:
        """Publish a batch and delete its rows. Those of streams that cannot be published stay, and are passed over."""
        done: list[int] = []
        messages: list[tuple[Message, bytes]] = []
        for id_, event in batch.rows:
            if event is None:
                log.error("outbox_row_without_event", id=id_)
                done.append(id_)
            elif message := self._translated(event):
                messages.append(message)
                done.append(id_)
            else:
                self._held.add(id_)
        if messages:
            sending = acknowledged(self._progress.kafka_guard, lambda: publisher.publish(messages))
            await self._meanwhile(sending, publisher)
        if done:
            await delete_rows(self._session, done)
        self._progress.published += len(messages)

    def _translated(self, event: RecordedEvent) -> tuple[Message, bytes] | None:
        """None for an event of a stream that cannot be published: the shop's other streams must not wait for it."""
        if event.stream_id in self._progress.held_streams:
            return None
        try:
            message = self._to_message(event)
            return message, encoded(message)
        except (ValueError, TypeError, LookupError) as error:
            self._progress.held_streams.add(event.stream_id)
            log.error(
                "stream_held_back",
                stream_id=event.stream_id,
                version=event.version,
                error=f"{type(error).__name__}: {error}",
                help="fix publish.py and restart the relay",
            )
            return None

    async def _beat(self, publisher: Publisher) -> None:
        """A heartbeat each 500 ms with the time up to which all is published (CORRECTNESS 24)."""
        while True:
            if drained_at := self._progress.drained_at:
                sending = acknowledged(self._progress.kafka_guard, partial(publisher.beat, drained_at))
                beat = asyncio.ensure_future(sending)
                try:
                    while not (await asyncio.wait({beat}, timeout=ALARM_AFTER_S))[0]:
                        await _restore_topics(publisher)
                    beat.result()
                finally:
                    beat.cancel()
            await asyncio.sleep(HEARTBEAT_S)

    async def _meanwhile(self, work: Awaitable[T], publisher: Publisher | None = None) -> T:
        """Await Kafka however long it takes, keeping the session alive (CORRECTNESS 13).

        With a `publisher` the work is a batch in flight: its age is told, and an alarm raised (CORRECTNESS 14).
        """
        task = asyncio.ensure_future(work)
        begun_s = asyncio.get_running_loop().time()
        restoring: asyncio.Task[None] | None = None
        try:
            while not task.done():
                await asyncio.wait({task}, timeout=KEEP_ALIVE_S)
                if task.done():
                    break
                await self._look()
                waited_s = asyncio.get_running_loop().time() - begun_s
                if publisher and self._alarms(waited_s) and (restoring is None or restoring.done()):
                    restoring = asyncio.create_task(_restore_topics(publisher))
            if publisher:
                self._progress.waiting_s, self._progress.kafka = 0.0, "up"
            return await task
        finally:
            task.cancel()
            if restoring:
                restoring.cancel()

    def _alarms(self, waited_s: float) -> bool:
        """Tell how long the batch in flight waits; True at the first look of each ALARM_AFTER_S."""
        alarms_before = self._progress.waiting_s // ALARM_AFTER_S
        self._progress.waiting_s = waited_s
        if waited_s < ALARM_AFTER_S:
            return False
        self._progress.kafka = f"no acknowledgement for {waited_s:.0f} s"
        if waited_s // ALARM_AFTER_S == alarms_before:
            return False
        log.error("kafka_does_not_acknowledge", waited_s=round(waited_s, 1))
        return True

    async def _rest(self, seconds: float) -> None:
        """Pause, shortened by `stopping`, and look at the backlog once a second."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        if asyncio.get_running_loop().time() - self._looked_at_s >= KEEP_ALIVE_S:
            await self._look()

    async def _look(self) -> None:
        self._progress.backlog = await look(self._session)
        self._looked_at_s = asyncio.get_running_loop().time()


async def _restore_topics(publisher: Publisher) -> None:
    """A batch for a topic that was deleted would wait without end: make missing topics again."""
    try:
        await publisher.restore_topics()
    except (KafkaUnavailable, TopicMismatch) as error:
        log.warning("topics_not_restored", error=str(error))
