"""Counting: what became of some requests, how long they took, and whether a share of them is enough."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from gameday.verdict.bars import CONFIDENCE
from gameday.verdict.observation import Observation
from gameday.workload.records import DECLINED, Outcome

_P99: Final = 99


@dataclass(frozen=True, slots=True)
class Figures:
    """One row in one phase: counts by outcome and times in milliseconds, 0 of nothing.

    unasked: of those refused all but the cards that were meant to be declined.
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
        max_ms=took[-1] if took else 0.0,
    )


def percentile(ordered: Sequence[float], percent: float) -> float:
    """The nearest-rank percentile of sorted values; 0 of nothing."""
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)] if ordered else 0.0


def reaches(hits: int, total: int, share: float, enough: int) -> bool:
    """Whether `hits` of `total` bear out the share.

    From `enough` on the two shares are compared as they are. With fewer they do unless so many misses would be seen
    less often than 1 - CONFIDENCE if the share were true (exact binomial test).
    """
    if total >= enough:
        return hits >= share * total - 1e-9
    return at_least_so_many(total - hits, total, 1 - share) >= 1 - CONFIDENCE


def at_least_so_many(misses: int, total: int, chance: float) -> float:
    """The probability of `misses` or more among `total` that each miss with this chance (0 < chance < 1)."""
    term = (1 - chance) ** total
    below = 0.0
    for count in range(misses):
        below += term
        term *= (total - count) / (count + 1) * chance / (1 - chance)
    return max(0.0, 1 - below)
