"""Which index is which: names, ranks, and what to do about them. Pure."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from holdfast.contracts import documents
from holdfast.contracts.messages import Topic
from holdfast.messaging import topic_name


@dataclass(frozen=True, slots=True)
class Index:
    """An existing index of a topic. `serves`: the alias, which readers use, is on it."""

    name: str
    topic: Topic
    projection_version: int
    suffix: int
    uuid: str
    serves: bool = False

    @property
    def rank(self) -> tuple[int, int]:
        """The newer of two indices ranks higher."""
        return self.projection_version, self.suffix

    @property
    def ours(self) -> bool:
        """Made for the documents that this program makes; others' indices it never writes."""
        return self.projection_version == documents.PROJECTION_VERSION[self.topic]

    def kafka_topic(self, namespace: str) -> str:
        return topic_name(namespace, self.topic)

    def group(self, namespace: str) -> str:
        """The consumer group that feeds it. An index that was lost and made again under its name is another one, and
        the old one's offsets must not count for it.
        """
        return f"{namespace}projector-{self.name}-{self.uuid[:8]}"


def parse(namespace: str, topic: Topic, name: str, uuid: str, aliases: Collection[str]) -> Index | None:
    """The index of this topic that has this name, None when it is none."""
    alias = documents.alias(namespace, topic)
    match = re.fullmatch(re.escape(alias) + r"-(\d+)-(\d+)", name)
    if match is None:
        return None
    return Index(name, topic, int(match[1]), int(match[2]), uuid, alias in aliases)


def candidate(indices: Collection[Index]) -> Index | None:
    """Of one topic's indices the one that should serve next: our newest, if it is newer than what serves now."""
    newest = max((index for index in indices if index.ours), key=lambda index: index.rank, default=None)
    if newest is None or any(index.serves and index.rank >= newest.rank for index in indices):
        return None
    return newest


def outdated(indices: Collection[Index]) -> list[Index]:
    """Of one topic's indices those that a newer one has replaced."""
    serving = max((index.rank for index in indices if index.serves), default=None)
    return [index for index in indices if serving is not None and not index.serves and index.rank < serving]


def caught_up(
    committed: Mapping[int, int],
    ends_before: Mapping[int, int],
    watermarks: Mapping[int, datetime],
    *,
    now: datetime,
    fresh_s: float,
) -> bool:
    """Every partition has passed the end that it had a moment ago, and its watermark is young (CORRECTNESS 18)."""
    oldest = now - timedelta(seconds=fresh_s)
    return bool(ends_before) and all(
        committed.get(partition, 0) >= end and partition in watermarks and watermarks[partition] >= oldest
        for partition, end in ends_before.items()
    )
