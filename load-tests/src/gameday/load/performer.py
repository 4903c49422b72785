"""One step of one shopper: the request, what it changes for the shopper, and its record."""

import random
from collections.abc import Callable

from gameday.load import calls, looking
from gameday.load.ask import Ask
from gameday.load.client import Client, Exchange, Reply
from gameday.load.mix import Step
from gameday.load.records import SERVED, Outcome, Record
from gameday.load.scene import Scene
from gameday.load.shopper import Shopper
from gameday.load.wire import Answer
from holdfast.contracts.consistency import HEADER


class Performer:
    """`record` is given one record for each step, once what it acknowledged is written down."""

    def __init__(self, scene: Scene, client: Client, record: Callable[[Record], None]) -> None:
        self._scene = scene
        self._client = client
        self._record = record

    def step(self, step: Step, shopper: Shopper | None, dice: random.Random, intended: float) -> Reply:
        """`intended`: the moment, by the client's clock, that its latency counts from. Gives the last reply.

        A call that needs no session changes nothing for the shopper, and goes to any gateway.
        """
        if step.call in looking.CALLS:
            ask, home = looking.ask(step.call, self._scene, shopper, dice), dice.randrange(self._client.gateways)
            shopper = None
        else:
            assert shopper is not None, f"{step.call} needs a shopper"
            ask, home = calls.ask(step.call, self._scene, shopper, dice), shopper.home
        exchange = self._client.send(ask, home)
        self.settle(step.call, ask, shopper, exchange.last)
        self._record(record(step, intended, exchange))
        return exchange.last

    def settle(self, call: str, ask: Ask, shopper: Shopper | None, reply: Reply) -> None:
        """What the shopper knows now."""
        answer, sure = reply.answer, reply.final
        if shopper is not None:
            if answer is not None:
                shopper.home = reply.gateway  # whoever answered is asked first the next time
            if ask.key:
                shopper.pending = None if sure else (call, ask)
        if answer is None or not sure:
            return
        if reply.outcome in SERVED:
            if shopper is not None:
                shopper.saw(answer.headers.get(HEADER, ""))
            ask.done(answer)
        elif reply.outcome is Outcome.REFUSED:
            ask.refused(answer)
        elif shopper is not None and ask.key:
            shopper.left = True  # neither done nor a refusal to be expected: no telling what is in the cart now


def record(step: Step, intended: float, exchange: Exchange) -> Record:
    """What goes into the file of requests."""
    last = exchange.last
    return Record(
        journey=step.journey,
        call=step.call,
        intended=intended,
        sent=exchange.sent,
        ended=exchange.ended,
        status=last.answer.status if last.answer else 0,
        code=last.code,
        outcome=last.outcome,
        served_from=_header(last.answer, "served-from"),
        degraded=_header(last.answer, "degraded"),
        age_s=_age_s(last.answer),
        attempts=exchange.attempts,
        gateway=last.gateway,
        first_ms=1000 * (exchange.first_ended - intended),
        first_outcome=exchange.first.outcome,
    )


def _header(answer: Answer | None, name: str) -> str:
    return "" if answer is None else answer.headers.get(name, "")


def _age_s(answer: Answer | None) -> float | None:
    age = _header(answer, "age")
    return float(age) if age.isdigit() else None
