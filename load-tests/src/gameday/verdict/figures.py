"""Counting: what became of some requests, and how long they took."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from gameday.verdict.bars import CONFIDENCE
from gameday.verdict.binomial import at_most_so_many
from gameday.verdict.observation import Observation
from gameday.workload.records import DECLINED, Outcome

_P99: Final = 99


@dataclass(frozen=True, slots=True)
class Figures:
    """One row in one phase: counts by outcome and times in milliseconds, 0 of nothing.

    unasked: of those refused all but the cards that were meant to be declined. p99_to_ms: the upper bound of p99, the
    highest of all with fewer than 299 requests.
    """

    requests: int = 0
    success: int = 0
    degraded: int = 0
    contained: int = 0
    refused: int = 0
    unasked: int = 0
    failed: int = 0
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    p99_to_ms: float = 0.0
    max_ms: float = 0.0


def figures(seen: Iterable[Observation]) -> Figures:
    """The figures of these requests."""
    all_seen = list(seen)
    counts = Counter(one.outcome for one in all_seen)
    took = sorted(one.ms for one in all_seen)
    return Figures(
        requests=len(all_seen),
        success=counts[Outcome.OK],
        degraded=counts[Outcome.DEGRADED],
        contained=counts[Outcome.CONTAINED],
        refused=counts[Outcome.REFUSED],
        unasked=sum(one.outcome is Outcome.REFUSED and one.code != DECLINED for one in all_seen),
        failed=counts[Outcome.FAILED],
        p50_ms=percentile(took, 50),
        p99_ms=percentile(took, _P99),
        p99_to_ms=upper_percentile(took, _P99),
        max_ms=took[-1] if took else 0.0,
    )


def percentile(ordered: Sequence[float], percent: float) -> float:
    """The nearest-rank percentile of sorted values; 0 of nothing."""
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)] if ordered else 0.0


def upper_percentile(ordered: Sequence[float], percent: float) -> float:
    """The least of these values that the true percentile does not exceed, with CONFIDENCE; 0 of nothing."""
    total = len(ordered)
    above = 0  # so many may be above it
    while above < total and at_most_so_many(above, total, 1 - percent / 100) <= 1 - CONFIDENCE:
        above += 1
    return ordered[max(0, total - above)] if above else (ordered[-1] if ordered else 0.0)
