"""The topics of one stack: their names, partitions and retention, and how they come to be."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code
from aiokafka.partitioner import murmur2

from holdfast.contracts.messages import DEAD_LETTERS, HEARTBEATS, PARTITIONS, TOPICS

MAX_MESSAGE_BYTES: Final = 4 * 1024 * 1024
"""An order of 2,000 lines with long names is under 1 MiB; Kafka's own limit is 1 MiB."""

_FOR_EVER: Final = -1
_HOUR_MS: Final = 3_600_000
_ADMIN_TIMEOUT_MS: Final = 10_000  # topics are made in the background at start, where nobody waits
_SETTLE_S: Final = 0.05


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic without its namespace. `retention_ms` −1 keeps everything."""

    name: str
    partitions: int
    retention_ms: int = _FOR_EVER


ALL_TOPICS: Final = (
    *(Topic(name, PARTITIONS) for name in TOPICS),
    Topic(DEAD_LETTERS, 1),
    Topic(HEARTBEATS, 1, _HOUR_MS),
)


class KafkaUnavailable(Exception):
    """Kafka could not be reached, or did not do what was asked, for the `reason` given."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"Kafka is not available: {reason}")
        self.reason = reason


class TopicMismatch(Exception):
    """A topic exists with another number of partitions: keys would move, and with them the order of a stream."""

    def __init__(self, topic: str, wanted: int, found: int) -> None:
        super().__init__(f"topic {topic} has {found} partitions instead of {wanted}: delete it, then re-queue its kind")
        self.topic = topic
        self.wanted = wanted
        self.found = found


def topic_name(namespace: str, name: str) -> str:
    """A topic's name on Kafka: `carts` in the namespace `a-` is `a-carts`."""
    return f"{namespace}{name}"


def partition_of(key: str, partitions: int = PARTITIONS) -> int:
    """The partition of a key by aiokafka's default partitioner (Kafka's murmur2)."""
    return int((murmur2(key.encode()) & 0x7FFFFFFF) % partitions)


async def ensure_topics(bootstrap: str, namespace: str, topics: Sequence[Topic] = ALL_TOPICS) -> list[str]:
    """Create the topics that are missing and return their names. Any number of starters may do so at once.

    Raises `KafkaUnavailable` (try again later) and `TopicMismatch`.
    """
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=_ADMIN_TIMEOUT_MS)
    try:
        async with asyncio.timeout(2 * _ADMIN_TIMEOUT_MS / 1000):
            await admin.start()
            created = await _create(admin, namespace, topics)
            await _check(admin, namespace, topics)
            return created
    except (KafkaError, OSError, TimeoutError) as error:
        raise KafkaUnavailable(f"{type(error).__name__} {error}".strip()) from error
    finally:
        await admin.close()


async def _create(admin: AIOKafkaAdminClient, namespace: str, topics: Sequence[Topic]) -> list[str]:
    there = set(await admin.list_topics())
    missing = [topic for topic in topics if topic_name(namespace, topic.name) not in there]
    if not missing:
        return []
    response = await admin.create_topics([_new(namespace, topic) for topic in missing])
    created = []
    for name, code, *_ in response.topic_errors:
        error = for_code(code)
        if code == 0:
            created.append(name)
        elif error is not TopicAlreadyExistsError:  # another starter was quicker
            raise error(name)
    return created


def _new(namespace: str, topic: Topic) -> NewTopic:
    return NewTopic(
        name=topic_name(namespace, topic.name),
        num_partitions=topic.partitions,
        replication_factor=1,  # both ways to run have one broker; aiokafka does not let it choose
        topic_configs={
            "retention.ms": str(topic.retention_ms),
            "cleanup.policy": "delete",
            "max.message.bytes": str(MAX_MESSAGE_BYTES),
        },
    )


async def _check(admin: AIOKafkaAdminClient, namespace: str, topics: Sequence[Topic]) -> None:
    """Wait until the broker knows the topics itself (a new one takes it a moment), and compare them."""
    wanted = {topic_name(namespace, topic.name): topic.partitions for topic in topics}
    while wanted:
        for found in await admin.describe_topics(list(wanted)):
            if found["error_code"] != 0:
                continue
            expected, partitions = wanted.pop(found["topic"]), len(found["partitions"])
            if partitions != expected:
                raise TopicMismatch(found["topic"], expected, partitions)
        if wanted:
            await asyncio.sleep(_SETTLE_S)
