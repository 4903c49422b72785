"""Curves of one run on the common axis: seconds since the trigger began. Pure."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from gameday.ab.counters import Told, grown
from gameday.ab.plan import READS, Planned
from gameday.report import series
from gameday.report.series import Curve
from gameday.verdict.observation import Observation

_STEP_S: Final = 3
"""Of what processes counted: they are asked once a second, and answer late when they are flooded."""
_SMOOTH_S: Final = 3


@dataclass(frozen=True, slots=True)
class Shown:
    """One run as it is drawn: its requests, what its processes counted, when its trigger began (unix seconds)."""

    planned: Planned
    seen: Sequence[Observation]
    told: Mapping[str, list[Told]]
    struck: float

    @property
    def origin(self) -> float:
        return self.struck - self.planned.shape.quiet_s

    @property
    def seconds(self) -> int:
        return int(self.planned.seconds)

    @property
    def reads(self) -> Sequence[Observation]:
        return [one for one in self.seen if one.journey == READS]

    @property
    def others(self) -> Sequence[Observation]:
        return [one for one in self.seen if one.journey != READS]

    def since_trigger(self, curve: Curve) -> Curve:
        """The same curve, counted from the trigger."""
        return Curve([at - self.planned.shape.quiet_s for at in curve.at], curve.values)


def offered(run: Shown) -> Curve:
    """Reads a second."""
    return run.since_trigger(series.a_second(run.reads, run.origin, run.seconds, lambda _: True))


def goodput(run: Shown) -> Curve:
    """Good reads a second."""
    return run.since_trigger(series.a_second(run.reads, run.origin, run.seconds, series.good))


def good_share(run: Shown, which: Callable[[Shown], Iterable[Observation]]) -> Curve:
    """Percent of these requests that were good, over the seconds around each; NaN where there were none."""
    asked = series.a_second(which(run), run.origin, run.seconds, lambda _: True).values
    served = series.a_second(which(run), run.origin, run.seconds, series.good).values
    values = []
    for second in range(run.seconds):
        window = slice(max(0, second - _SMOOTH_S // 2), second + _SMOOTH_S // 2 + 1)
        total = sum(asked[window])
        values.append(100 * sum(served[window]) / total if total else math.nan)
    return run.since_trigger(Curve(range(run.seconds), values))


def latency(run: Shown, percent: float) -> Curve:
    """Of reads, in milliseconds from the intended start."""
    return run.since_trigger(series.latency(run.reads, run.origin, run.seconds, percent))


def client_attempts(run: Shown) -> Curve:
    """HTTP calls of a client for one read."""
    return run.since_trigger(series.client_attempts(run.reads, run.origin, run.seconds))


def calls_a_read(run: Shown, field: str) -> Curve:
    """Attempts at one hop for each read that was offered (counters.Counts' field)."""
    reads = series.a_second(run.reads, run.origin, run.seconds, lambda _: True).values
    return _steps(run, lambda second, step: step(field) / max(1.0, sum(reads[second : second + _STEP_S])))


def wasted(run: Shown) -> Curve:
    """Answers a second that query-service made and no gateway waited for any more."""
    return _steps(run, lambda _, step: (step("answers") - step("received")) / _STEP_S)


def _steps(run: Shown, value: Callable[[int, Callable[[str], float]], float]) -> Curve:
    at = range(0, run.seconds - _STEP_S, _STEP_S) if run.told else range(0)
    values = []
    for second in at:
        began = run.origin + second

        def step(field: str, began: float = began) -> float:
            return grown(run.told, field, began + _STEP_S) - grown(run.told, field, began)

        values.append(value(second, step))
    return run.since_trigger(Curve([second + _STEP_S / 2 for second in at], values))


def reasons(run: Shown, most: int) -> Mapping[str, Curve]:
    """What was not served a second, by code, the most frequent first."""
    found = series.reasons(run.seen, run.origin, run.seconds)
    return {name: run.since_trigger(curve) for name, curve in list(found.items())[:most]}


def middle(curves: Sequence[Curve]) -> Curve:
    """Point by point the median of curves over the same points; NaN where most know nothing."""
    if not curves:
        return Curve([], [])
    values = [
        [one for one in points if not math.isnan(one)] for points in zip(*(one.values for one in curves), strict=False)
    ]
    return Curve(curves[0].at, [median(known) if known else math.nan for known in values])
