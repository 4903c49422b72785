"""Kafka, set up so that nothing is lost: topics, producers, consumers."""

from holdfast.messaging.acknowledged import acknowledged
from holdfast.messaging.clients import make_consumer, make_producer
from holdfast.messaging.topics import (
    ALL_TOPICS,
    KafkaUnavailable,
    Topic,
    TopicMismatch,
    ensure_topics,
    partition_of,
    topic_name,
)

__all__ = [
    "ALL_TOPICS",
    "KafkaUnavailable",
    "Topic",
    "TopicMismatch",
    "acknowledged",
    "ensure_topics",
    "make_consumer",
    "make_producer",
    "partition_of",
    "topic_name",
]
