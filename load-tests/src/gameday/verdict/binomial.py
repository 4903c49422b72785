"""What so many good ones of so many requests say about the true share: exact one-sided bounds (Clopper and Pearson,
Biometrika 26, 1934).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from gameday.verdict.bars import CONFIDENCE

_STEPS: Final = 60
_MOST: Final = 10_000_000
_NEGLIGIBLE: Final = 1e-17


class Shown(StrEnum):
    """Whether a sample shows that the true share reaches a bar, refutes it, or leaves it open."""

    SHOWN = "shown"
    REFUTED = "refuted"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Decision:
    """`missing`: so many more requests, all good, would show it; 0 unless it is open."""

    shown: Shown
    missing: int = 0


def decide(good: int, total: int, share: float) -> Decision:
    """Whether `good` of `total` show that the true share is `share` (below 1) or more."""
    if _shows(good, total, share):
        return Decision(Shown.SHOWN)
    if refutes(good, total, share):
        return Decision(Shown.REFUTED)
    return Decision(Shown.OPEN, _missing(good, total, share))


def refutes(good: int, total: int, share: float) -> bool:
    """Whether the upper bound is below the share: so few good ones would come less than once in twenty times."""
    return total > good and 1 - at_most_so_many(total - good - 1, total, 1 - share) < 1 - CONFIDENCE


def _shows(good: int, total: int, share: float) -> bool:
    """Whether the lower bound reaches the share: so many good ones would come once in twenty times, if it were less."""
    return good > 0 and at_most_so_many(total - good, total, 1 - share) <= 1 - CONFIDENCE


def at_least(good: int, total: int) -> float:
    """The lower bound: the true share is this or more, with CONFIDENCE."""
    misses = total - good
    if good == 0:
        return 0.0
    return 1 - _chance(lambda chance: at_most_so_many(misses, total, chance) > 1 - CONFIDENCE)


def at_most(good: int, total: int) -> float:
    """The upper bound: the true share is this or less, with CONFIDENCE."""
    misses = total - good
    if misses == 0:
        return 1.0
    return 1 - _chance(lambda chance: 1 - at_most_so_many(misses - 1, total, chance) < 1 - CONFIDENCE)


def at_most_so_many(misses: int, total: int, chance: float) -> float:
    """The probability of `misses` or fewer among `total` that each miss with this chance (0 to 1).

    Summed from the likeliest count on, downwards and upwards, so that no term is lost by being too small to begin with.
    """
    if misses >= total or chance <= 0:
        return 1.0
    if chance >= 1:
        return 0.0
    likeliest = min(misses, int((total + 1) * chance))
    odds = chance / (1 - chance)
    first = math.exp(
        math.lgamma(total + 1)
        - math.lgamma(likeliest + 1)
        - math.lgamma(total - likeliest + 1)
        + likeliest * math.log(chance)
        + (total - likeliest) * math.log1p(-chance)
    )
    summed = term = first
    for count in range(likeliest, 0, -1):
        term *= count / (total - count + 1) / odds
        summed += term
        if term < _NEGLIGIBLE * summed:
            break
    term = first
    for count in range(likeliest, misses):
        term *= (total - count) / (count + 1) * odds
        summed += term
        if term < _NEGLIGIBLE * summed:
            break
    return min(1.0, summed)


def _chance(is_below: Callable[[float], bool]) -> float:
    """The chance of a miss at which `is_below`, which holds for all smaller ones, ends to hold."""
    low, high = 0.0, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if is_below(middle) else (low, middle)
    return high


def _missing(good: int, total: int, share: float) -> int:
    """The fewest more requests, all good, that would show the share."""
    few, enough = 0, 1
    while not _shows(good + enough, total + enough, share) and enough < _MOST:
        few, enough = enough, 2 * enough
    while enough - few > 1:
        middle = (few + enough) // 2
        few, enough = (few, middle) if _shows(good + middle, total + middle, share) else (middle, enough)
    return enough
