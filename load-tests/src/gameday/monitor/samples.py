"""Samples of a run: `samples.jsonl`, one line each half second."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson


@dataclass(frozen=True, slots=True)
class Breaker:
    """One breaker: who calls, what, at which replica ("" for a store) or for which group of routes ("": for all).
    state: closed, half-open or open; a group is listed only while its breaker is not closed.
    """

    source: str
    to: str
    replica: str
    state: str
    in_flight: int
    limit: int | None
    group: str = ""

    @property
    def name(self) -> str:
        """`gateway → query-service browse query-1`."""
        return f"{self.source} → {' '.join(filter(None, (self.to, self.group, self.replica)))}"


@dataclass(frozen=True, slots=True)
class Shedding:
    """What one gateway takes on at once; `shed` counts what it turned away since its start, by priority."""

    gateway: str
    limit: int
    in_flight: int
    waiting: int
    shed: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Sample:
    """What was seen at one moment (unix seconds).

    outbox_pending, outbox_oldest_s, lag_events: None while nobody could tell. counters: of each place asked, every
    counter that samples keep with its labels as Prometheus writes them.
    """

    at: float
    breakers: Sequence[Breaker] = ()
    shedding: Sequence[Shedding] = ()
    outbox_pending: int | None = None
    outbox_oldest_s: float | None = None
    lag_events: int | None = None
    as_of: str | None = None
    counters: Mapping[str, Mapping[str, float]] | None = None

    def line(self) -> bytes:
        return orjson.dumps(asdict(self)) + b"\n"


def read_samples(path: Path) -> Iterator[Sample]:
    """Every whole line of the file; none when there is no file."""
    if not path.exists():
        return
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield _sample(orjson.loads(line))


def _sample(told: Mapping[str, Any]) -> Sample:
    nested = {
        "breakers": tuple(Breaker(**breaker) for breaker in told["breakers"]),
        "shedding": tuple(Shedding(**shedding) for shedding in told["shedding"]),
    }
    return Sample(**{**told, **nested})
