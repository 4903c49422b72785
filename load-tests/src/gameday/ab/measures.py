"""What one run showed, from its requests. Pure."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import floor
from typing import Final

from gameday.ab.plan import READS
from gameday.report.series import good
from gameday.verdict.figures import percentile
from gameday.verdict.observation import Observation

LAST_S: Final = 30.0
"""The end of the watched time, by which a run counts as down or back."""
BACK: Final = 0.99
FOR_S: Final = 5
"""Back is who serves this share over so many seconds (RESILIENCE 5)."""


@dataclass(frozen=True, slots=True)
class Moments:
    """Unix seconds; `from_s` is when the warm-up is over."""

    from_s: float
    struck: float
    lifted: float
    ended: float


@dataclass(frozen=True, slots=True)
class Measured:
    """Shares are of the requests that were offered, 0 to 1, and count what came within the client's 2 s.

    `quiet`, `during`, `last`: reads before the trigger, in it, and in the last 30 s. `recovery_s`: whole seconds after
    the trigger until reads were back; None: never. `unrelated`: what does not need the paused part, from the trigger
    on, with its p99. `attempts`: HTTP calls a client made for a read in the last 30 s. `offered`, `goodput`: reads a
    second then.
    """

    quiet: float
    during: float
    last: float
    recovery_s: int | None
    unrelated: float
    unrelated_p99_ms: float
    attempts: float
    offered: float
    goodput: float


def measure(seen: Iterable[Observation], moments: Moments) -> Measured:
    """The figures of one run. Raises ValueError when it holds no reads."""
    counted = [one for one in seen if moments.from_s <= one.began < moments.ended]
    reads = [one for one in counted if one.journey == READS]
    others = [one for one in counted if one.journey != READS and one.began >= moments.struck]
    if not reads:
        raise ValueError("no reads were sent")
    last = [one for one in reads if one.began >= moments.ended - LAST_S]
    return Measured(
        quiet=share(one for one in reads if one.ended < moments.struck or one.began < moments.struck - 2),
        during=share(one for one in reads if moments.struck <= one.began < moments.lifted),
        last=share(last),
        recovery_s=recovery_s(reads, moments.lifted, moments.ended),
        unrelated=share(others),
        unrelated_p99_ms=percentile(sorted(one.ms for one in others), 99),
        attempts=sum(one.attempts for one in last) / max(1, len(last)),
        offered=len(last) / LAST_S,
        goodput=sum(map(good, last)) / LAST_S,
    )


def share(seen: Iterable[Observation]) -> float:
    """Of these requests, how many were good; 1 of none."""
    judged = [good(one) for one in seen]
    return sum(judged) / len(judged) if judged else 1.0


def recovery_s(reads: Sequence[Observation], lifted: float, ended: float) -> int | None:
    """The first second after the trigger from which FOR_S seconds are good, seen whole; None: not seen."""
    offered: Counter[int] = Counter()
    served: Counter[int] = Counter()
    for one in reads:
        second = floor(one.began - lifted)
        offered[second] += 1
        served[second] += good(one)
    for second in range(floor(ended - lifted) - FOR_S + 1):
        window = range(second, second + FOR_S)
        asked = sum(offered[one] for one in window)
        if asked and sum(served[one] for one in window) >= BACK * asked:
            return second
    return None
