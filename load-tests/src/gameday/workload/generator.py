"""Plays a schedule: everybody comes when they come, whatever becomes of those before them."""

import gc
import random
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import gevent

from gameday.workload import browsing
from gameday.workload.client import Client
from gameday.workload.figures import percentile
from gameday.workload.schedule import Arrival
from gameday.workload.shopper import Shopper
from gameday.workload.shopper_pool import ShopperPool
from gameday.workload.worker import Worker

MOST_AT_ONCE: Final = 4000
"""Requests under way. With 2 s for each attempt that is 1,000 a second without any answer; memory must have an end."""
LEAD_S: Final = 0.5
"""From the announcement of a schedule to its begin: time to clear away garbage."""
_LONGEST_S: Final = 15.0  # two attempts of 2 s and the longest Retry-After between them are over by then


@dataclass(frozen=True, slots=True)
class Played:
    """What came of a plan. `planned` arrivals were due until `ended` (unix seconds), `sent` were sent.

    The others: `dropped` because too many were under way, `unoffered` because no shopper could do the step.
    `lag_p99_ms`: how late they were sent; `cpu_share`: of one core, the whole process.
    """

    began: float
    ended: float
    planned: int
    sent: int
    dropped: int
    unoffered: int
    lag_p99_ms: float
    cpu_share: float

    def described(self) -> dict[str, Any]:
        """What `load.json` says of it at the end."""
        return {name: value for name, value in asdict(self).items() if name != "began"}


class Generator:
    """Plays one schedule after the other; one greenlet an arrival."""

    def __init__(self, worker: Worker, shoppers: ShopperPool, client: Client) -> None:
        self._worker = worker
        self._shoppers = shoppers
        self._client = client
        self._dice = random.Random(0)
        self._under_way = 0
        self._late_s: list[float] = []

    def play(self, arrivals: Sequence[Arrival], began: float) -> Played:
        """From `began` by the client's clock, until all are answered; or until the client is stopping: no more come."""
        self._late_s = []
        gc.collect()
        gc.freeze()  # the dataset and the shoppers are no garbage: a full collection would hold up whoever is due
        cpu_s, planned, dropped, unoffered = time.process_time(), 0, 0, 0
        for arrival in arrivals:
            due = began + arrival.at_s
            if self._stops_before(due):
                break
            planned += 1
            if self._under_way >= MOST_AT_ONCE:
                dropped += 1
                continue
            if arrival.step.call in browsing.CALLS:
                shopper = self._shoppers.anybody(self._dice)
            elif (shopper := self._shoppers.take(arrival.step.call, self._dice)) is None:
                unoffered += 1
                continue
            self._under_way += 1
            gevent.spawn(self._one, arrival, shopper, due)
        ended = self._client.now()
        self._finish()
        lag_ms = 1000 * percentile(self._late_s, 99)
        cpu_share = (time.process_time() - cpu_s) / max(ended - began, 0.001)
        return Played(began, ended, planned, len(self._late_s), dropped, unoffered, lag_ms, cpu_share)

    def _stops_before(self, due: float) -> bool:
        while (wait_s := due - self._client.now()) > 0:  # gevent's timers may fire a few milliseconds early
            if self._client.stopping.wait(wait_s):
                return True
        return bool(self._client.stopping.is_set())

    def _one(self, arrival: Arrival, shopper: Shopper | None, due: float) -> None:
        self._late_s.append(self._client.now() - due)
        try:
            self._worker.step(arrival.step, shopper, random.Random(arrival.seed), due)
        finally:
            self._under_way -= 1
            if shopper is not None and arrival.step.call not in browsing.CALLS:
                self._shoppers.give_back(shopper)

    def _finish(self) -> None:
        ends_at = self._client.now() + _LONGEST_S
        while self._under_way and self._client.now() < ends_at:
            gevent.sleep(0.02)
