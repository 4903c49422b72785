"""How often the same thing is read again: what a cache could answer of this load at the very most."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gameday.ab.plan import MIX, READS
from gameday.workload.browsing import CALLS
from gameday.workload.context import Acknowledgements, Context
from gameday.workload.dataset import Dataset, read_dataset
from gameday.workload.schedule import Arrival, poisson


@dataclass(frozen=True, slots=True)
class Repeats:
    """Of all reads of a plan, the share that asks what was asked within `within_s` seconds before, or ever before."""

    reads: int
    within_s: float
    lately: float
    ever: float


def repeats(data: Path, rate: float, seconds: float, seed: int, within_s: float) -> Repeats:
    """Of the very plan that a run plays: the same seed gives the same reads. Raises UserError."""
    market = read_dataset(data)
    return counted(poisson(rate, seconds, seed, MIX), market, within_s)


def counted(arrivals: Sequence[Arrival], market: Dataset, within_s: float) -> Repeats:
    """What the reads among these arrivals ask for, in their order."""
    scene = Context(market, Acknowledgements(None), gateways=1, came=lambda _: None)
    last: dict[str, float] = {}
    reads = lately = ever = 0
    for arrival in arrivals:
        if arrival.step.journey != READS:
            continue
        path = CALLS[arrival.step.call](scene, None, random.Random(arrival.seed)).path
        reads += 1
        ever += path in last
        lately += arrival.at_s - last.get(path, -within_s) < within_s
        last[path] = arrival.at_s
    return Repeats(reads, within_s, _share(lately, reads), _share(ever, reads))


def _share(count: int, total: int) -> float:
    return count / total if total else 0.0


def sentence(told: Repeats) -> str:
    """For the report."""
    return (
        f"Of {told.reads:,} reads of a run {told.ever:.0%} ask what was asked before in it, {told.lately:.0%} within "
        f"the {told.within_s:.0f} s before: so much a cache could answer at most."
    )
