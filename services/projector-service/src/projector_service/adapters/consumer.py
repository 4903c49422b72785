"""Kafka consumers as the projector needs them; everything asked of Kafka has a time limit."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Final

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError

from holdfast.contracts.messages import PARTITIONS
from holdfast.messaging import make_consumer
from holdfast.resilience.deadline import Deadline
from holdfast.resilience.errors import DeadlineExceeded, ResilienceError
from holdfast.resilience.guard import Guard
from holdfast.resilience.limit import STALL_S
from projector_service.adapters.dead_letters import abandon

_TAIL: Final = 240
"""Two minutes of heartbeats: a projector that starts behind passes some of them while it catches up."""
_START_S: Final = 15.0
_ASK_S: Final = 5.0
_PROBE_S: Final = 0.4  # an answer may wait for the fetch before it on the connection, FETCH_MAX_WAIT_MS
_PROBE_PAUSE_S: Final = 0.1


class Assignments(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    """Counts rebalances. What was polled before the last `revoked` is not ours to repeat; partitions are known anew
    after each `assigned`, which aiokafka calls when records of the new assignment may already be polled.
    """

    def __init__(self) -> None:
        self.revoked = 0
        self.assigned = 0

    def on_partitions_revoked(self, revoked: list[TopicPartition]) -> None:  # noqa: ARG002
        self.revoked += 1

    def on_partitions_assigned(self, assigned: list[TopicPartition]) -> None:  # noqa: ARG002
        self.assigned += 1


@asynccontextmanager
async def group_consumer(
    bootstrap: str, topic: str, group: str, replica: str, assignments: Assignments
) -> AsyncIterator[AIOKafkaConsumer]:
    """A member of `group` that keeps its place when it is restarted within 6 s. Raises KafkaError."""
    consumer = make_consumer(bootstrap, client_id=f"projector-{replica}", group=group, replica=replica)
    consumer.subscribe([topic], listener=assignments)
    async with _running(consumer):
        yield consumer


@asynccontextmanager
async def tail_consumer(bootstrap: str, topic: str, replica: str) -> AsyncIterator[AIOKafkaConsumer]:
    """Reads a topic of one partition from its last few messages on, without a group. Raises KafkaError."""
    consumer = make_consumer(bootstrap, topic, client_id=f"projector-{replica}")
    async with _running(consumer):
        for tp, end in (await consumer.end_offsets(consumer.assignment())).items():
            consumer.seek(tp, max(0, end - _TAIL))
        yield consumer


@asynccontextmanager
async def onlooker(bootstrap: str, group: str) -> AsyncIterator[AIOKafkaConsumer]:
    """Sees a group's offsets without becoming its member. Raises KafkaError."""
    async with _running(consumer := make_consumer(bootstrap, client_id="rebuild", group=group)):
        yield consumer


@asynccontextmanager
async def _running(consumer: AIOKafkaConsumer) -> AsyncIterator[None]:
    try:
        try:
            async with asyncio.timeout(_START_S):
                await consumer.start()
        except TimeoutError as error:
            raise KafkaError("no Kafka in time") from error
        yield
    finally:
        await abandon(consumer)


@asynccontextmanager
async def probed(consumer: AIOKafkaConsumer, topic: str, guard: Guard) -> AsyncIterator[None]:
    """While the block runs Kafka is asked twice a second, as a guarded call: a consumer by itself tells no outage from
    silence, and the breaker of a projector that has nothing to commit would neither open nor close.
    """
    probing = asyncio.create_task(_probe(consumer, topic, guard), name="probe-kafka")
    try:
        yield
    finally:
        probing.cancel()
        await asyncio.wait({probing})


async def _probe(consumer: AIOKafkaConsumer, topic: str, guard: Guard) -> None:
    while True:
        limit = Deadline.after(_PROBE_S)
        try:
            async with guard(limit):
                await consumer.end_offsets([TopicPartition(topic, 0)])
        except (KafkaError, DeadlineExceeded):
            if limit.overdue_s() < STALL_S:  # else this process stood still
                guard.breaker.probe_missed()
        except ResilienceError:
            pass  # open: it is asked again once its time is up
        else:
            guard.breaker.probe_succeeded()
        await asyncio.sleep(limit.remaining_s() + _PROBE_PAUSE_S)


async def committed_offsets(consumer: AIOKafkaConsumer, partitions: Iterable[TopicPartition]) -> dict[int, int]:
    """The next offset of the group in each partition, 0 where nothing was committed yet. Raises KafkaError."""
    try:
        async with asyncio.timeout(_ASK_S):
            return {tp.partition: await consumer.committed(tp) or 0 for tp in partitions}
    except TimeoutError as error:
        raise KafkaError("committed offsets did not come in time") from error


async def end_offsets(consumer: AIOKafkaConsumer, topic: str) -> dict[int, int]:
    """The offset after the last message of each partition. Raises KafkaError."""
    try:
        async with asyncio.timeout(_ASK_S):
            ends = await consumer.end_offsets([TopicPartition(topic, partition) for partition in range(PARTITIONS)])
    except TimeoutError as error:
        raise KafkaError("end offsets did not come in time") from error
    return {tp.partition: offset for tp, offset in ends.items()}


async def group_progress(consumer: AIOKafkaConsumer, topic: str) -> tuple[int, int]:
    """How many messages of a topic the onlooker's group has committed, and how many there are. Raises KafkaError."""
    ends = await end_offsets(consumer, topic)
    committed = await committed_offsets(consumer, [TopicPartition(topic, partition) for partition in ends])
    return sum(committed.values()), sum(ends.values())


async def commit(consumer: AIOKafkaConsumer, offsets: dict[TopicPartition, int]) -> None:
    """Commit what is still assigned (CORRECTNESS 15). Raises KafkaError, or never returns: bound it."""
    still_ours = {tp: offset for tp, offset in offsets.items() if tp in consumer.assignment()}
    if not still_ours:
        return
    try:
        await consumer.commit(still_ours)
    except IllegalStateError as error:  # revoked just now
        raise KafkaError(f"the commit failed: {error!r}") from error
