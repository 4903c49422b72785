"""How soon those who need the faulted part got the best honest answer at once, and who was caught before."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gameday.verdict.bars import CONTAINED_P99_MS
from gameday.verdict.binomial import refutes
from gameday.verdict.expect import Expect
from gameday.verdict.figures import percentile
from gameday.verdict.observation import Observation
from gameday.workload.records import Outcome

STEP_S: Final = 0.5
_QUICK_SHARE: Final = 0.99  # p99


@dataclass(frozen=True, slots=True)
class Containment:
    """What one row that needs the part showed while it was faulted.

    quick_after_s: seconds after the fault from which p99 of its less-than-usual answers is within the bar; None: never.
    caught: calls before that which took longer or got another answer than the matrix's. From then on: less_p99_ms of
    the less-than-usual answers, `promised` of `answers` were what the matrix promises, and `yielded` were no 503 and no
    failure.
    """

    rate: float
    quick_after_s: float | None
    caught: int
    less_p99_ms: float
    promised: int
    answers: int
    yielded: int


def containment(seen: Sequence[Observation], expect: Expect, struck_at: float, lasted_s: float) -> Containment:
    """Looks at the requests of one row in the fault phase; its fault struck at `struck_at` (unix seconds)."""
    quick_after_s = _quick_after_s(seen, struck_at, lasted_s)
    turn = struck_at + (lasted_s if quick_after_s is None else quick_after_s)
    before = [one for one in seen if one.began < turn]
    after = [one for one in seen if one.began >= turn]
    return Containment(
        rate=len(seen) / lasted_s,
        quick_after_s=quick_after_s,
        caught=sum(one.ms > CONTAINED_P99_MS or one.outcome not in expect.allows for one in before),
        less_p99_ms=percentile(sorted(one.ms for one in after if _less_than_usual(one)), 99),
        promised=sum(one.outcome in expect.allows for one in after),
        answers=len(after),
        yielded=sum(one.outcome in _YIELDED for one in after),
    )


_YIELDED: Final = frozenset({Outcome.OK, Outcome.REFUSED, Outcome.DEGRADED})


def _quick_after_s(seen: Sequence[Observation], struck_at: float, lasted_s: float) -> float | None:
    """The first step from which, up to the end, 99 % of the less-than-usual answers and failures were within the bar.

    Counted backwards, so that each request is looked at once.
    """
    late_first = sorted((one for one in seen if _less_than_usual(one)), key=lambda one: one.began, reverse=True)
    found = None
    within = total = 0
    for step in range(math.ceil(lasted_s / STEP_S) - 1, -1, -1):
        begins = struck_at + step * STEP_S if step else -math.inf
        while total < len(late_first) and late_first[total].began >= begins:
            within += late_first[total].ms <= CONTAINED_P99_MS
            total += 1
        if not refutes(within, total, _QUICK_SHARE):
            found = step * STEP_S
    return found


def _less_than_usual(one: Observation) -> bool:
    return one.outcome not in (Outcome.OK, Outcome.REFUSED) or one.served_from == "write-model"
