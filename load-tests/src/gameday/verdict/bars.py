"""Every bar that a run is held against, in one place, each with its unit and its reason."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

CONFIDENCE: Final = 0.95
"""Of every bound: a bar is met if the lower bound of the true share reaches it, missed if the upper one does not."""


P99_TIMES: Final = 2.0
"""p99 against the healthy phase's of the same run: twice is what a shopper may not notice."""
P99_NEVER_STRICTER_MS: Final = 100.0
"""Below it the bar would judge the machine's scheduler, not the shop."""
REFUSED_MORE_SHARE: Final = 0.01
"""Refusals beyond the healthy phase's share: a read model that lost its products also refuses politely."""

OPEN_WITHIN_S: Final = 2.0
"""From the fault to the open breaker: one attempt timeout or three missed probes, and some."""
OPEN_AT_RATE: Final = 10.0
"""Calls a second of the affected journeys from which that can be asked: fewer take longer to be 7 in a row."""
CONTAINED_P99_MS: Final = 100.0
"""p99 of degraded and 503 answers once the breaker is open: they ask nobody, so only the gateway's own time is left."""

HEALTHY_WITHIN_S: Final = 10.0
"""From the end of the fault (a restarted JVM: from its readiness) to healthy again, without a hand."""
GOODPUT_SHARE: Final = 0.95
"""Of the requests of a second that have to be good: a few of them may be the one that a fault still holds."""
GOODPUT_FOR_S: Final = 5
"""Healthy again is the first second after which so many seconds have so much goodput (RESILIENCE 5)."""

CAPACITY_SHARE: Final = 0.9
"""Goodput at twice the capacity, against the measured capacity."""
LAST_TO_SUFFER_SHARE: Final = 0.01
"""How much worse the most important journey may be served than a less important one before it is not the last."""

ATTACK_CPU_SHARE: Final = 0.1
"""Of a core, for the attacker alone: it aims at 0.17, and a busy machine may give it less."""
ATTACK_BUSY_SHARE: Final = 0.8
"""Of its clients: one that waits for answers on nearly all its connections attacks with as much as it has."""
ATTACK_PER_S: Final = 1500.0
"""Calls a second: three quarters of the most that an attacker may make, however little they cost it."""

LAG_P99_MS: Final = 50.0
"""The generator's own delay: above it latencies are the generator's."""
SENT_SHARE: Final = 0.99
"""Sent of planned: below it the load was not the one that was asked for."""


@dataclass(frozen=True, slots=True)
class Bars:
    """Shares that the fault phase of one run has to show, by journey.

    served: answered as by a healthy shop, where nobody should notice. in_time: of these within the p99 bar. promised:
    as the matrix promises, where the part is needed, once that is answered at once. yields: of these with an answer and
    not with 503, by promise, for JUDGED alone. pooled: served over all runs of one row of the matrix.
    """

    served: Mapping[str, float]
    in_time: Mapping[str, float]
    promised: Mapping[str, float]
    yields: Mapping[str, float]
    pooled: Mapping[str, float]
    least: float

    def of(self, shares: Mapping[str, float], row: str) -> float:
        """The bar of a journey or of one of its calls (`cart/view`): its own, else its journey's, else `least`."""
        return shares.get(row, shares.get(row.partition("/")[0], self.least))


JUDGED: Final = ("browse", "cart", "checkout", "cancel", "orders")
"""The journeys whose bars have to be shown. Those of the others, which are rare, must not be refuted."""

FULL_BARS: Final = Bars(
    served=dict.fromkeys(JUDGED, 0.995),
    in_time=dict.fromkeys(JUDGED, 0.99),
    promised=dict.fromkeys(JUDGED, 0.995),
    yields={"write-model": 0.99, "later": 0.99, "stale": 0.7},
    pooled={"browse": 0.999, "cart": 0.999, "checkout": 0.99, "cancel": 0.99, "orders": 0.99},
    least=0.99,
)
"""99.5 % are shown by 598 requests without a miss, 947 with one, 1,258 with two. in_time: p99. yields: with
Elasticsearch dead three quarters of the browsers ask for what somebody asked before."""
QUICK_BARS: Final = Bars(
    served={"browse": 0.95, "cart": 0.95, "checkout": 0.8, "cancel": 0.75, "orders": 0.8},
    in_time={"browse": 0.95, "cart": 0.95, "checkout": 0.8, "cancel": 0.75, "orders": 0.8},
    promised={"browse": 0.95, "cart": 0.95, "cart/view": 0.85, "checkout": 0.8, "cancel": 0.75, "orders": 0.8},
    yields={"write-model": 0.75, "later": 0.75, "stale": 0.5},
    pooled={},
    least=0.7,
)
"""What some 20 s at 24 arrivals a second can show: 95 % by 59 requests without a miss or 93 with one, 80 % by 14 or 22,
75 % by 11 or 18. One call in three of the cart's is a view: 85 % by 19 or 30."""

FULL_COUNTS: Final[Mapping[str, int]] = {"browse": 1000, "cart": 1000, "checkout": 300, "cancel": 300, "orders": 300}
"""Requests of each judged journey that the phases before and after the fault must see."""
FULL_FAULT_COUNTS: Final[Mapping[str, int]] = dict.fromkeys(JUDGED, 1000)
"""And the fault: p99 is not told from fewer than 1,000."""
QUICK_COUNTS: Final[Mapping[str, int]] = {"browse": 80, "cart": 80, "checkout": 16, "cancel": 12, "orders": 16}
"""What 20 s bring at 20 arrivals a second: a slow machine, at 30 % of its capacity. For every phase."""
