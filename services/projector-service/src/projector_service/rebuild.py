"""A new index beside the one that serves: asking for it, and watching a projector fill it (CORRECTNESS 18)."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from holdfast.contracts.documents import index_name
from holdfast.contracts.messages import Topic
from projector_service.adapters import consumer as kafka
from projector_service.adapters.catalog import Catalog
from projector_service.adapters.search import StoreUnavailable
from projector_service.indices import Index
from projector_service.settings import ProjectorSettings

_LOOK_EVERY_S: Final = 0.5
_NOTICED_S: Final = 15.0
"""A projector looks each second, and joining a group takes Kafka up to 3 s and a former member's session 6 s."""


class RebuildFailed(Exception):
    """The new index does not serve; the message says why in one line."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Messages of the topic that the new index has, and all of them; `serves` when it is done."""

    index: str
    written: int
    total: int
    serves: bool


async def start(catalog: Catalog, namespace: str, topic: Topic) -> Index:
    """Create the new index. Raises StoreUnavailable."""
    name = index_name(namespace, topic, str(int(datetime.now(UTC).timestamp())))
    await catalog.create(topic, name, serve=False)
    return await _find(catalog, name)


async def watch(
    catalog: Catalog, settings: ProjectorSettings, index: Index, *, timeout_s: float
) -> AsyncIterator[Progress]:
    """How far it is, every half second until it serves.

    Raises RebuildFailed when no projector takes it up (the index is then deleted again), when it takes longer than
    `timeout_s` (the projector goes on) or when a newer rebuild replaces it.
    """
    began_s = time.monotonic()
    group = index.group(settings.namespace)
    taken_up, trouble = False, ""
    while True:
        waited_s = time.monotonic() - began_s
        try:
            progress = await _look(catalog, settings, index)
            yield progress
            if progress.serves:
                return
            taken_up = taken_up or progress.written > 0 or await _has_members(settings.kafka_bootstrap, group)
            trouble = ""
        except (StoreUnavailable, KafkaError) as error:  # the projector waits for them too
            taken_up, trouble = True, f" ({error})"
        if not taken_up and waited_s > _NOTICED_S:
            await catalog.drop(index)
            raise RebuildFailed(f"no projector took up {index.name} within {_NOTICED_S:.0f} s: is one running?")
        if waited_s > timeout_s:
            raise RebuildFailed(
                f"{index.name} does not serve after {timeout_s:.0f} s{trouble}; a running projector goes on with it"
            )
        await asyncio.sleep(_LOOK_EVERY_S)


async def _look(catalog: Catalog, settings: ProjectorSettings, index: Index) -> Progress:
    async with kafka.onlooker(settings.kafka_bootstrap, index.group(settings.namespace)) as consumer:
        written, total = await kafka.group_progress(consumer, index.kafka_topic(settings.namespace))
    found = await _find(catalog, index.name)
    return Progress(index.name, written, total, found.serves)


async def _find(catalog: Catalog, name: str) -> Index:
    for index in await catalog.present():
        if index.name == name:
            return index
    raise RebuildFailed(f"{name} is gone: a newer rebuild has replaced it")


async def _has_members(bootstrap: str, group: str) -> bool:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=5_000)
    try:
        await admin.start()
        answers = await admin.describe_consumer_groups([group])
        return any(state not in ("Dead", "Empty", "") for answer in answers for _, _, state, *_ in answer.groups)
    except OSError as error:
        raise KafkaError(str(error)) from error
    finally:
        await admin.close()
