"""Shoppers who are ready for each step, made outside the judged journeys: so the mix is kept from the first second.

What happens in the run keeps their number level by itself: as many come in, fill carts and place orders as check out
and cancel. Chance draws on the stock; where it gets low a few more are made.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from gevent.pool import Pool

from gameday.workload import browsing
from gameday.workload.calls import CALLS
from gameday.workload.client import Client
from gameday.workload.context import Context
from gameday.workload.mix import Step
from gameday.workload.records import SERVED, Record
from gameday.workload.shopper import Shopper
from gameday.workload.shopper_pool import ShopperPool
from gameday.workload.worker import Worker
from holdfast_tools.command_line import UserError

START_S: Final = 15.0
"""A stock for so many seconds of each step: the mean of chance over five minutes is about eight."""
LOW_S: Final = 4.0
_AT_ONCE: Final = 8
_PER_ARRIVAL: Final = 0.02  # of the rate, while the run goes: small beside what is measured
_LINES_A_CART: Final = 1.7
_LOOKS_A_SHOPPER: Final = 10  # within START_S: most who buy look, so this is needed for mixes that only look
_LEAST: Final = 4
_STOPPED: Final = "stopped"
_ROUNDS: Final = 3  # somebody may have found a product sold out
LOOK: Final = "look"
"""Any of the calls that read the catalogue: every shopper can."""
_WAYS: Final[Mapping[str, Sequence[str]]] = {
    "add": (),
    "checkout": ("add",),
    "cancel": ("add", "checkout"),
    "details": ("add", "checkout"),
    "profile": ("register",),
    LOOK: (),
}
"""What a new guest has to do to be able to make the call, each as often as it takes."""


@dataclass(frozen=True, slots=True)
class Demand:
    """How many shoppers a second each step wants."""

    per_s: Mapping[str, float]

    @staticmethod
    def of(mix: Sequence[Step], rate: float) -> "Demand":
        percent = {step.call: step.percent for step in mix}
        per_s = {call: rate * percent.get(call, 0) / 100 for call in _WAYS}
        per_s["add"] /= _LINES_A_CART  # one shopper adds several times
        looks = sum(percent.get(call, 0) for call in browsing.READS)
        per_s[LOOK] = rate * looks / 100 / _LOOKS_A_SHOPPER
        return Demand({call: a_second for call, a_second in per_s.items() if a_second})

    def missing(self, shoppers: ShopperPool, seconds: float) -> dict[str, int]:
        """How many more shoppers a stock for `seconds` needs, by call."""
        there = dict.fromkeys(self.per_s, 0)
        for shopper in shoppers:
            for call in there:
                there[call] += call == LOOK or CALLS[call].able(shopper)
        wanted = {call: max(_LEAST, round(a_second * seconds)) for call, a_second in self.per_s.items()}
        return {call: wanted[call] - there[call] for call in wanted if wanted[call] > there[call]}


class Preparation:
    """Makes shoppers. `record` is given what it asks under the journey `admin`, which nobody judges."""

    def __init__(
        self, context: Context, client: Client, record: Callable[[Record], None], shoppers: ShopperPool, demand: Demand
    ):
        self._new: list[Shopper] = []
        self._worker = Worker(replace(context, came=self._new.append), client, record)
        self._client = client
        self._shoppers = shoppers
        self._demand = demand
        self._dice = random.Random()

    def stock_up(self, seconds: float = START_S) -> int:
        """Make a stock for so many seconds; how many came. Raises UserError when not served, or when stopped."""
        before = len(self._shoppers)
        for _ in range(_ROUNDS):
            missing = self._demand.missing(self._shoppers, seconds)
            wanted = [call for call, count in missing.items() for _ in range(count)]
            troubles = [trouble for trouble in Pool(_AT_ONCE).imap_unordered(self._make, wanted) if trouble]
            if _STOPPED in troubles:
                raise UserError("stopped before the schedule began")
            if len(troubles) > len(wanted) / 2:
                raise UserError(f"the shop does not serve new shoppers: {troubles[0]}")
        return len(self._shoppers) - before

    def keep_up(self, rate: float) -> None:
        """While the run goes: one more at a time whenever a step's stock is low."""
        pause_s = 1 / max(1.0, _PER_ARRIVAL * rate)
        while not self._client.stopping.wait(pause_s):
            missing = self._demand.missing(self._shoppers, LOW_S)
            if missing:
                self._make(max(missing, key=lambda call: missing[call]))

    def _make(self, call: str) -> str:
        """A new guest who can make the call joins; else what was in the way."""
        if self._client.stopping.is_set():
            return _STOPPED
        trouble = self._did("session", None)
        if trouble:
            return trouble
        shopper = self._new.pop()
        for step in _WAYS[call]:
            for _ in range(len(shopper.to_add) if step == "add" else 1):
                trouble = self._did(step, shopper)
                if trouble:
                    return trouble
        if not shopper.left:
            self._shoppers.join(shopper)
        return ""

    def _did(self, call: str, shopper: Shopper | None) -> str:
        """What was wrong, "" for nothing."""
        reply = self._worker.step(Step("admin", call, 0), shopper, self._dice, self._client.now())
        return "" if reply.outcome in SERVED else f"{call}: {reply.code}"
