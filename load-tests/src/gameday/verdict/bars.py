"""Every bar that a run is held against, in one place, each with its unit and its reason."""

from collections.abc import Mapping
from typing import Final

ONE_RUN_SHARE: Final = 0.995
"""Success of a journey that does not need the faulted part, in one phase of one run. One run is short: 1,000 requests
cannot tell 99.9 % from 99.7 %."""
POOLED_SHARES: Final[Mapping[str, float]] = {
    "browse": 0.999,
    "cart": 0.999,
    "checkout": 0.99,
    "cancel": 0.99,
    "orders": 0.99,
}
"""Success over all runs of one row of the matrix; the rarer journeys have a third of the requests."""
POOLED_ENOUGH: Final[Mapping[float, int]] = {0.999: 3000, 0.99: 300}
"""Requests that show a share with 95 % confidence when none fails (Poisson bound): with fewer nothing is judged."""

P99_SHARE: Final = 0.99
"""p99 is within a bar when so many requests are."""
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
CONTAINED_SHARE: Final = 0.995
"""Share of the affected journeys' answers that are what the matrix promises, from then on."""

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
CONFIDENCE: Final = 0.95
"""For runs with fewer requests than the bars want: failed only when chance explains it less often than 5 %."""


FULL_COUNTS: Final[Mapping[str, int]] = {"browse": 1000, "cart": 1000, "checkout": 300, "cancel": 300, "orders": 300}
"""Requests of each judged journey that each phase must see: p99 wants 1,000; the rarer journeys come to 300 in the time
that a phase may last. With so many a share is compared as it is, with fewer by CONFIDENCE."""
QUICK_COUNTS: Final[Mapping[str, int]] = {"browse": 80, "cart": 80, "checkout": 16, "cancel": 12, "orders": 16}
"""What 20 s bring at 20 arrivals a second: a slow machine, at 30 % of its capacity."""
