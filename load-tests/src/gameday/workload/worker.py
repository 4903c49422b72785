"""One step of one shopper: the request, what it changes for the shopper, and its record."""

import random
from collections.abc import Callable

from gameday.workload import browsing, calls
from gameday.workload.client import Client, Exchange, Reply
from gameday.workload.context import Context
from gameday.workload.mix import Step
from gameday.workload.operation import Operation
from gameday.workload.records import SERVED, Outcome, Record
from gameday.workload.shopper import Shopper
from gameday.workload.transport import Answer
from holdfast.contracts.consistency import HEADER


class Worker:
    """`record` is given one record for each step, once what it acknowledged is written down."""

    def __init__(self, context: Context, client: Client, record: Callable[[Record], None]) -> None:
        self._context = context
        self._client = client
        self._record = record

    def step(self, step: Step, shopper: Shopper | None, dice: random.Random, intended: float) -> Reply:
        """`intended`: the moment, by the client's clock, that its latency counts from. Gives the last reply.

        A call that needs no session changes nothing for the shopper, and goes to any gateway.
        """
        if step.call in browsing.CALLS:
            operation, home = (
                browsing.operation(step.call, self._context, shopper, dice),
                dice.randrange(self._client.gateways),
            )
            shopper = None
        else:
            assert shopper is not None, f"{step.call} needs a shopper"
            operation, home = calls.operation(step.call, self._context, shopper, dice), shopper.home
        exchange = self._client.send(operation, home)
        self.settle(step.call, operation, shopper, exchange.last)
        self._record(record(step, intended, exchange))
        return exchange.last

    def settle(self, call: str, operation: Operation, shopper: Shopper | None, reply: Reply) -> None:
        """What the shopper knows now."""
        answer, sure = reply.answer, reply.final
        if shopper is not None:
            if answer is not None:
                shopper.home = reply.gateway  # whoever answered is asked first the next time
            if operation.key:
                shopper.pending = None if sure else (call, operation)
        if answer is None or not sure:
            return
        if reply.outcome in SERVED:
            if shopper is not None:
                shopper.saw(answer.headers.get(HEADER, ""))
            operation.done(answer)
        elif reply.outcome is Outcome.REFUSED:
            operation.refused(answer)
        elif shopper is not None and operation.key:
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
