"""The memory of every part, each few seconds, though the shop cannot always tell."""

import itertools
import os
import time
from pathlib import Path

import pytest

from gameday.monitor import memory
from gameday.monitor.memory import MemorySample, MemoryWatch, read_memory
from gameday.nemesis.fault import Refused


def test_a_look_is_written_down_and_one_that_fails_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_INTERVAL_S", 0.05)
    number = itertools.count()

    def held() -> dict[str, int]:
        if (look := next(number)) % 2:
            raise Refused("the shop cannot tell")
        return {"gateway-1": look}

    watch = MemoryWatch(tmp_path / "memory.jsonl", held)
    watch.start()
    time.sleep(0.6)
    watch.stop()
    looks = list(read_memory(tmp_path / "memory.jsonl"))
    assert len(looks) >= 2
    assert [look.parts["gateway-1"] for look in looks] == [2 * place for place in range(len(looks))]
    assert all(abs(look.at - time.time()) < 30 for look in looks)


def test_half_a_line_is_left(tmp_path: Path) -> None:
    path = tmp_path / "memory.jsonl"
    look = MemorySample(1.0, {"relay": os.getpid()})
    path.write_bytes(look.line() + look.line()[:9])
    assert list(read_memory(path)) == [look]
    assert list(read_memory(tmp_path / "none.jsonl")) == []
