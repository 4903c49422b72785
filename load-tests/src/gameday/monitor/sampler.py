"""Asks both gateways and every reachable service each half second, and writes down what they say."""

import asyncio
import contextlib
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import httpx

from gameday.monitor.background import Background
from gameday.monitor.samples import Breaker, Sample, Shedding

INTERVAL_S: Final = 0.5
_ANSWER_WITHIN_S: Final = 0.4
"""Less than the interval: one that hangs is missing from the sample and does not delay the next."""
_METRICS_EACH: Final = 2
"""Metrics in every second sample: counters lose nothing by it, and making their text costs the services time."""
KEPT_COUNTERS: Final = (
    "outbound_attempts_total",
    "query_elasticsearch_attempts_total",
    "gateway_fallbacks_total",
    "gateway_shed_total",
)
_WORST: Final = {"closed": 0, "half-open": 1, "open": 2}


class Sampler(Background):
    """Writes `samples.jsonl`.

    `gateways` are base URLs; `metrics` is where counters are read, by the name of the place.
    """

    def __init__(self, path: Path, gateways: Sequence[str], metrics: Mapping[str, str]) -> None:
        super().__init__("sampler")
        self._path = path
        self._gateways = gateways
        self._metrics = metrics

    async def run(self) -> None:
        async with httpx.AsyncClient(timeout=_ANSWER_WITHIN_S, trust_env=False) as http:
            with self._path.open("ab", buffering=0) as file:
                number, due = 0, time.monotonic()
                while not self.stopped.is_set():
                    file.write((await self._sample(http, number % _METRICS_EACH == 0)).line())
                    number, due = number + 1, max(due + INTERVAL_S, time.monotonic())
                    await asyncio.sleep(due - time.monotonic())

    async def _sample(self, http: httpx.AsyncClient, with_metrics: bool) -> Sample:
        at = time.time()
        places = self._metrics if with_metrics else {}
        status = [_get(http, f"{url}/api/ops/status") for url in self._gateways]
        texts = [_get(http, f"{url}/metrics") for url in places.values()]
        answers = await asyncio.gather(*status, *texts)
        told = [answer.json() for answer in answers[: len(status)] if answer is not None]
        counters = {
            place: kept(answer.text)
            for place, answer in zip(places, answers[len(status) :], strict=True)
            if answer is not None
        }
        return as_sample(at, told, counters)


async def _get(http: httpx.AsyncClient, url: str) -> httpx.Response | None:
    """The good answer, or None."""
    with contextlib.suppress(httpx.HTTPError):
        answer = await http.get(url)
        if answer.status_code == httpx.codes.OK:
            return answer
    return None


def as_sample(at: float, told: Sequence[Mapping[str, Any]], counters: Mapping[str, Mapping[str, float]]) -> Sample:
    """One sample of what the gateways that answered said. Where they differ, the worse state counts."""
    breakers: dict[tuple[str, str, str, str], Breaker] = {}
    for line in (line for status in told for line in status["dependencies"]):
        breaker = Breaker(
            line["from"],
            line["to"],
            line["replica"] or "",
            line["breaker"],
            line["in_flight"],
            line["limit"],
            line.get("group") or "",
        )
        key = (breaker.source, breaker.to, breaker.replica, breaker.group)
        if key not in breakers or _WORST.get(breaker.state, 1) > _WORST.get(breakers[key].state, 1):
            breakers[key] = breaker
    outbox: Mapping[str, Any] = next((status["outbox"] for status in told if status["outbox"]), {})
    projection: Mapping[str, Any] = next((status["projection"] for status in told if status["projection"]), {})
    return Sample(
        at=at,
        breakers=tuple(breakers.values()),
        shedding=tuple(_shedding(status["shedding"]) for status in told),
        outbox_pending=outbox.get("pending"),
        outbox_oldest_s=outbox.get("oldest_s"),
        lag_events=projection.get("lag_events"),
        as_of=projection.get("as_of"),
        counters=dict(counters) or None,
    )


def _shedding(told: Mapping[str, Any]) -> Shedding:
    return Shedding(told["replica"], told["limit"], told["in_flight"], told["waiting"], told["shed"])


def kept(text: str) -> Mapping[str, float]:
    """The counters worth keeping, by name and labels as Prometheus writes them."""
    found = {}
    for line in text.splitlines():
        if line.startswith(KEPT_COUNTERS):
            name, _, value = line.rpartition(" ")
            found[name] = float(value)
    return found
