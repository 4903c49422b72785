"""Producers and consumers with settings that lose nothing: aiokafka's own (acks=1, auto-commit, latest) do."""

from __future__ import annotations

from typing import Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from holdfast.messaging.topics import MAX_MESSAGE_BYTES

REQUEST_TIMEOUT_MS: Final = 5_000
"""A broker on the same network answers in milliseconds; a paused one's connection is given up after this."""
METADATA_MAX_AGE_MS: Final = 10_000
"""How soon a topic that was deleted and made again is noticed."""
POLL_RECORDS: Final = 500
SESSION_TIMEOUT_MS: Final = 6_000
HEARTBEAT_INTERVAL_MS: Final = 2_000
FETCH_MAX_WAIT_MS: Final = 200
"""How long a broker keeps a fetch that finds nothing. Whatever else is asked on its connection waits as long."""
_MAX_BATCH_BYTES: Final = 256 * 1024  # a relay's whole batch for one partition goes out in one request


def make_producer(bootstrap: str, client_id: str) -> AIOKafkaProducer:
    """A producer that is to be started: acks of all replicas, idempotent.

    It repeats a batch until it is acknowledged, for ever. So send one batch, await its futures however long that
    takes, and never send the same again on a live producer: the copies would all arrive (CORRECTNESS 14). `stop()`
    waits for Kafka too; on a fatal error end the process instead.
    """
    return AIOKafkaProducer(
        bootstrap_servers=bootstrap,
        client_id=client_id,
        acks="all",
        enable_idempotence=True,
        request_timeout_ms=REQUEST_TIMEOUT_MS,
        metadata_max_age_ms=METADATA_MAX_AGE_MS,
        max_batch_size=_MAX_BATCH_BYTES,
        max_request_size=MAX_MESSAGE_BYTES,
        linger_ms=0,
    )


def make_consumer(
    bootstrap: str, *topics: str, client_id: str, group: str | None = None, replica: str | None = None
) -> AIOKafkaConsumer:
    """A consumer that is to be started: begins at the earliest message, commits only when told.

    With a `group` its membership is static under `group` + `replica`, so that a restarted process has its partitions
    back at once (CORRECTNESS 15). Without a group it is assigned nothing and commits nothing.
    """
    return AIOKafkaConsumer(
        *topics,
        bootstrap_servers=bootstrap,
        client_id=client_id,
        group_id=group,
        group_instance_id=f"{group}-{replica}" if group and replica else None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        session_timeout_ms=SESSION_TIMEOUT_MS,
        heartbeat_interval_ms=HEARTBEAT_INTERVAL_MS,
        max_poll_records=POLL_RECORDS,
        fetch_max_wait_ms=FETCH_MAX_WAIT_MS,
        request_timeout_ms=REQUEST_TIMEOUT_MS,
        metadata_max_age_ms=METADATA_MAX_AGE_MS,
    )
