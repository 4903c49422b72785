"""Curves over time, each second of the run: from requests and samples to what is drawn. Pure."""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from gameday.monitor.samples import Breaker, Sample
from gameday.verdict.figures import percentile
from gameday.verdict.observation import Observation
from gameday.workload.records import Outcome

CLIENT_DEADLINE_MS: Final = 2000.0
"""What comes later nobody waits for: it is no good throughput."""
_GOOD: Final = frozenset({Outcome.OK, Outcome.REFUSED, Outcome.DEGRADED})


@dataclass(frozen=True, slots=True)
class Curve:
    """Points in seconds since the origin; NaN where nothing is known."""

    at: Sequence[float]
    values: Sequence[float]


@dataclass(frozen=True, slots=True)
class Band:
    """One stretch of one state."""

    began: float
    ended: float
    state: str


def a_second(seen: Iterable[Observation], origin: float, seconds: int, counts: Callable[[Observation], bool]) -> Curve:
    """How many requests of each second count."""
    found = Counter(math.floor(one.began - origin) for one in seen if counts(one))
    return Curve(range(seconds), [float(found[second]) for second in range(seconds)])


def good(one: Observation) -> bool:
    """Served while somebody waited for it."""
    return one.outcome in _GOOD and one.ms <= CLIENT_DEADLINE_MS


def latency(seen: Iterable[Observation], origin: float, seconds: int, percent: float) -> Curve:
    """A percentile of each second's requests, in milliseconds from their intended start."""
    took: dict[int, list[float]] = defaultdict(list)
    for one in seen:
        took[math.floor(one.began - origin)].append(one.ms)
    values = [percentile(sorted(took[second]), percent) if second in took else math.nan for second in range(seconds)]
    return Curve(range(seconds), values)


def client_attempts(seen: Iterable[Observation], origin: float, seconds: int) -> Curve:
    """HTTP calls a logical request."""
    made: dict[int, list[int]] = defaultdict(list)
    for one in seen:
        made[math.floor(one.began - origin)].append(one.attempts)
    values = [sum(made[second]) / len(made[second]) if second in made else math.nan for second in range(seconds)]
    return Curve(range(seconds), values)


def hop_attempts(samples: Sequence[Sample], origin: float) -> Mapping[str, Curve]:
    """Attempts a call at each hop (`gateway → query`), between one sample with counters and the next.

    A replica that was away or started anew in between is left out of that step: its counters begin at 0 again.
    """
    told = [sample for sample in samples if sample.counters]
    points: dict[str, tuple[list[float], list[float]]] = defaultdict(lambda: ([], []))
    for before, after in pairwise(told):
        for hop, (every, first) in _steps(before, after).items():
            at, values = points[hop]
            at.append(after.at - origin)
            values.append(every / first if first else math.nan)
    return {hop: Curve(at, values) for hop, (at, values) in sorted(points.items())}


def _steps(before: Sample, after: Sample) -> Mapping[str, tuple[float, float]]:
    """By hop: all attempts and first attempts since the sample before."""
    found: dict[str, tuple[float, float]] = {}
    for place, counters in (after.counters or {}).items():
        earlier = (before.counters or {}).get(place)
        if earlier is None or any(counters.get(name, 0.0) < value for name, value in earlier.items()):
            continue
        for name, value in counters.items():
            labels = _labels(name)
            to = _attempts_at(name, labels)
            if to is None:
                continue
            step = value - earlier.get(name, 0.0)
            hop = f"{place.rstrip('-0123456789')} → {to.removesuffix('-service')}"
            every, first = found.get(hop, (0.0, 0.0))
            found[hop] = (every + step, first + (step if labels.get("number") == "1" else 0.0))
    return found


def _attempts_at(name: str, labels: Mapping[str, str]) -> str | None:
    """Whose attempts this counter counts; None when it counts something else."""
    if name.startswith("query_elasticsearch_attempts_total"):
        return "elasticsearch"
    return labels.get("dependency") if name.startswith("outbound_attempts_total") else None


def _labels(name: str) -> Mapping[str, str]:
    """The labels of a Prometheus name; none of ours has a comma or a quote in its value."""
    _, _, inner = name.partition("{")
    pairs = (pair.partition("=") for pair in inner.rstrip("}").split(",") if pair)
    return {key: value.strip('"') for key, _, value in pairs}


def reasons(seen: Iterable[Observation], origin: float, seconds: int) -> Mapping[str, Curve]:
    """What was not served a second, by problem code; the most frequent first.

    The code is the last answer's: what was served when it was repeated has none.
    """
    found: dict[str, Counter[int]] = defaultdict(Counter)
    for one in seen:
        if one.outcome in (Outcome.CONTAINED, Outcome.FAILED):
            found[one.code or f"{one.outcome} at first"][math.floor(one.began - origin)] += 1
    by_count = sorted(found.items(), key=lambda item: -item[1].total())
    return {
        reason: Curve(range(seconds), [float(counts[second]) for second in range(seconds)])
        for reason, counts in by_count
    }


def breaker_bands(samples: Sequence[Sample], origin: float) -> Mapping[str, Sequence[Band]]:
    """The states of each breaker that was ever not closed, without gaps; a breaker unseen is `unknown`."""
    names: dict[str, Breaker] = {}
    for sample in samples:
        names |= {one.name: one for one in sample.breakers if one.state != "closed"}
    return {name: _bands(names[name], samples, origin) for name in sorted(names)}


def _bands(of: Breaker, samples: Sequence[Sample], origin: float) -> Sequence[Band]:
    bands: list[Band] = []
    for sample in samples:
        state, at = _state(of, sample), sample.at - origin
        began = bands[-1].ended if bands else at
        if bands and bands[-1].state == state:
            bands[-1] = Band(bands[-1].began, at, state)
        else:
            bands.append(Band(began, at, state))
    return bands


def _state(of: Breaker, sample: Sample) -> str:
    """A group that is not listed beside its service's replicas is closed."""
    told = [one for one in sample.breakers if (one.source, one.to) == (of.source, of.to)]
    states = [one.state for one in told if (one.replica, one.group) == (of.replica, of.group)]
    if states:
        return states[0]
    return "closed" if of.group and told else "unknown"


def sampled(samples: Iterable[Sample], origin: float, value: Callable[[Sample], float | None]) -> Curve:
    """Something of each sample, NaN where nobody could tell."""
    told = [(sample.at - origin, value(sample)) for sample in samples]
    return Curve([at for at, _ in told], [math.nan if one is None else float(one) for _, one in told])
