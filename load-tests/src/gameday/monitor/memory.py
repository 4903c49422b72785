"""The memory of every process of the shop, each few seconds: `memory.jsonl` of a run's folder."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import orjson

from gameday.monitor.background import Background
from gameday.nemesis.fault import Refused

_INTERVAL_S: Final = 2.0
"""A look costs some milliseconds of a core; memory that was taken is rarely given back sooner."""
Memory = Callable[[], Mapping[str, int]]
"""Bytes by the names of the parts. Raises Refused when the shop cannot tell."""


@dataclass(frozen=True, slots=True)
class MemorySample:
    """What each part held at one moment (unix seconds)."""

    at: float
    parts: Mapping[str, int]

    def line(self) -> bytes:
        return orjson.dumps(asdict(self)) + b"\n"


class MemoryWatch(Background):
    """Writes the file; a look that fails is left out."""

    def __init__(self, path: Path, memory: Memory) -> None:
        super().__init__("memory")
        self._path = path
        self._memory = memory

    async def run(self) -> None:
        with self._path.open("ab", buffering=0) as file:
            while not self.stopped.is_set():
                with contextlib.suppress(Refused):
                    parts = await asyncio.to_thread(self._memory)
                    file.write(MemorySample(time.time(), parts).line())
                await asyncio.to_thread(self.stopped.wait, _INTERVAL_S)


def read_memory(path: Path) -> Iterator[MemorySample]:
    """Every whole line of the file; none when there is no file."""
    if not path.exists():
        return
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield MemorySample(**orjson.loads(line))
