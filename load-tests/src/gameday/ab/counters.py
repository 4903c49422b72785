"""What each process counted during a run, with the moment it told: calls at each hop, and answers made.

A saturated process answers late. Its counts are still true at that moment, so each place is asked on its own, and a
slow one delays nobody.
"""

import asyncio
import contextlib
import math
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import httpx
import orjson

from gameday.monitor.background import Background

_EACH_S: Final = 1.0
_WITHIN_S: Final = 10.0
_OWN_ROUTES: Final = ("/healthz", "/readyz", "/status", "/metrics", "/protections", "unmatched")
_QUERY: Final = 'dependency="query-service"'


@dataclass(frozen=True, slots=True)
class Counts:
    """Totals since the process started.

    `to_query` and `to_store`: attempts by gateways at query-service, and by query-service at Elasticsearch;
    `answers`: made by query-service, `received`: of those, how many came while a gateway waited for them.
    """

    to_query: float = 0
    to_store: float = 0
    answers: float = 0
    received: float = 0


@dataclass(frozen=True, slots=True)
class Told:
    """One place's counts at one moment (unix seconds)."""

    at: float
    place: str
    counts: Counts


def read(place: str, text: str) -> Counts:
    """The counts in a page of Prometheus metrics; what a place does not count stays 0."""
    sums: Counter[str] = Counter()
    for line in text.splitlines():
        name, _, value = line.rpartition(" ")
        for field in _fields(place, name):
            sums[field] += float(value)  # type: ignore[assignment]
    return Counts(**sums)


def _fields(place: str, name: str) -> Iterator[str]:
    if name.startswith("outbound_attempts_total{") and _QUERY in name:
        yield "to_query"
        if _label(name, "ended").isdigit():
            yield "received"
    elif name.startswith("query_elasticsearch_attempts_total{"):
        yield "to_store"
    elif _answered(place, name):
        yield "answers"


def _answered(place: str, name: str) -> bool:
    counted = place.startswith("query") and name.startswith("http_requests_total{")
    return counted and _label(name, "route") not in _OWN_ROUTES


def _label(name: str, label: str) -> str:
    return name.partition(f'{label}="')[2].partition('"')[0]


class Counting(Background):
    """Writes a file of `Told`. `places`: base URLs by name."""

    def __init__(self, path: Path, places: Mapping[str, str]) -> None:
        super().__init__("counting")
        self._path = path
        self._places = places

    async def run(self) -> None:
        with self._path.open("ab", buffering=0) as file:
            async with httpx.AsyncClient(timeout=_WITHIN_S, trust_env=False) as http:

                async def follow(place: str, url: str) -> None:
                    while not self.stopped.is_set():
                        with contextlib.suppress(httpx.HTTPError):
                            answer = await http.get(f"{url}/metrics")
                            told = Told(time.time(), place, read(place, answer.text))
                            file.write(orjson.dumps(asdict(told)) + b"\n")
                        await asyncio.sleep(_EACH_S)

                await asyncio.gather(*(follow(place, url) for place, url in self._places.items()))


def read_told(path: Path) -> Mapping[str, list[Told]]:
    """By place, in the order of time; nothing when there is no file."""
    found: dict[str, list[Told]] = defaultdict(list)
    for line in path.read_bytes().splitlines() if path.exists() else ():
        row = orjson.loads(line)
        found[row["place"]].append(Told(row["at"], row["place"], Counts(**row["counts"])))
    return found


def grown(told: Mapping[str, list[Told]], field: str, at: float) -> float:
    """The total of all places at a moment; between two answers of a place it is taken to grow evenly.

    NaN after the last answer of any of them, for nobody knows what it has done since.
    """
    return sum(_at(of_place, field, at) for of_place in told.values())


def _at(told: list[Told], field: str, at: float) -> float:
    after = next((one for one in told if one.at >= at), None)
    if after is None:
        return math.nan
    before = next((one for one in reversed(told) if one.at < at), after)
    low, high = getattr(before.counts, field), getattr(after.counts, field)
    share = (at - before.at) / (after.at - before.at) if after is not before else 0.0
    return float(low + (high - low) * share)
