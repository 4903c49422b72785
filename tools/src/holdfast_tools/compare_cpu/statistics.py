"""From the rounds of two commits to a ratio, its interval and a verdict. Pure."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from statistics import NormalDist, fmean
from typing import Final

CONFIDENCE: Final = 0.95
MIN_ROUNDS: Final = 6
"""The range of all ratios of fewer pairs covers the true one less often than CONFIDENCE says (1 - 2 / 2^n)."""
_RESAMPLES: Final = 10_000
_NORMAL: Final = NormalDist()


class Verdict(StrEnum):
    """How a journey's ratio stands to the bar."""

    PASS = "PASS"
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"


@dataclass(frozen=True, slots=True)
class Ratio:
    """NEW / OLD with its interval, of `rounds` pairs."""

    value: float
    low: float
    high: float
    rounds: int

    @property
    def half_width(self) -> float:
        return (self.high - self.low) / 2


def order() -> Iterator[tuple[int, int]]:
    """Without end, the two commits (0 and 1) of each pair of rounds in turn: A B, B A, A B, ...

    A drift that is linear in time then adds as much to one as to the other after every second pair.
    """
    while True:
        yield (0, 1)
        yield (1, 0)


def ratio(pairs: Sequence[tuple[float, float]], seed: object, resamples: int = _RESAMPLES) -> Ratio:
    """The geometric mean of NEW / OLD over the pairs (OLD, NEW) of at least two rounds, with a bootstrap interval.

    The pairs are resampled, since both rounds of a pair met the same machine. The percentile interval is too narrow for
    few pairs, by sqrt((n - 1) / n) and by Student's distribution being wider than the normal one (T. Hesterberg, What
    Teachers Should Know About the Bootstrap, 2014). It is widened by both: with 6 pairs 94 % of such intervals hold the
    true ratio, and 86 % of plain ones.
    """
    count, dice = len(pairs), Random(repr(seed))
    logs = [math.log(new / old) for old, new in pairs]
    means = sorted(fmean(dice.choices(logs, k=count)) for _ in range(resamples))
    middle, upper = fmean(logs), (1 + CONFIDENCE) / 2
    wider = math.sqrt(count / (count - 1)) * _student_quantile(upper, count - 1) / _NORMAL.inv_cdf(upper)
    low, high = (middle + wider * (means[round(share * (resamples - 1))] - middle) for share in (1 - upper, upper))
    return Ratio(math.exp(middle), math.exp(low), math.exp(high), count)


def _student_quantile(share: float, freedom: int) -> float:
    """Of Student's t distribution, by the series of Abramowitz and Stegun 26.7.5: within 0.2 % from 5 degrees on."""
    z = _NORMAL.inv_cdf(share)
    terms = (
        z,
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
    )
    return math.fsum(term / math.pow(freedom, power) for power, term in enumerate(terms))


def narrow_enough(found: Ratio, bar: float) -> bool:
    """Whether further rounds are not needed: the half-width is under half of the margin."""
    return found.rounds >= MIN_ROUNDS and found.half_width < (bar - 1) / 2


def verdict(found: Ratio, bar: float) -> Verdict:
    """PASS: the whole interval is under the bar; FAIL: above it; INCONCLUSIVE: else, or from too few rounds."""
    if found.rounds < MIN_ROUNDS:
        return Verdict.INCONCLUSIVE
    if found.high < bar:
        return Verdict.PASS
    return Verdict.FAIL if found.low > bar else Verdict.INCONCLUSIVE


def exit_code(verdicts: Sequence[Verdict]) -> int:
    """0 when all passed, 1 when one failed, else 2."""
    if Verdict.FAIL in verdicts:
        return 1
    return 0 if verdicts and all(one is Verdict.PASS for one in verdicts) else 2
