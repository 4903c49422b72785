"""How far the relay had drained the outbox, by what an index has written. Pure (CORRECTNESS 24)."""

from collections import deque
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from holdfast.contracts.messages import Heartbeat, Topic

_KEPT: Final = 1_200
"""Ten minutes of heartbeats: an index further behind keeps its older watermark until it has caught up to that."""


class Heartbeats:
    """The heartbeats read, oldest first."""

    def __init__(self) -> None:
        self._beats: deque[Heartbeat] = deque(maxlen=_KEPT)

    def add(self, beat: Heartbeat) -> None:
        """Take a heartbeat in. Offsets that went back mean topics made anew: what was known before says nothing."""
        if self._beats and _went_back(self._beats[-1].offsets, beat.offsets):
            self._beats.clear()
        self._beats.append(beat)

    def drained_at(self, topic: Topic, written: Mapping[int, int]) -> dict[int, datetime]:
        """For each partition of `written` (the next offset to write) the newest time that it has reached, if any."""
        reached: dict[int, datetime] = {}
        for beat in reversed(self._beats):
            offsets = beat.offsets.get(topic, [])
            for partition, offset in enumerate(offsets):
                if partition in written and partition not in reached and offset < written[partition]:
                    reached[partition] = beat.drained_at
            if len(reached) >= len(written):
                break
        return reached

    def ends(self, topic: Topic) -> dict[int, int]:
        """By the newest heartbeat the offset after the last message of each partition."""
        offsets = self._beats[-1].offsets.get(topic, []) if self._beats else []
        return {partition: offset + 1 for partition, offset in enumerate(offsets)}


def _went_back(before: Mapping[str, list[int]], after: Mapping[str, list[int]]) -> bool:
    return any(
        new < old for topic, offsets in after.items() for old, new in zip(before.get(topic, []), offsets, strict=False)
    )
