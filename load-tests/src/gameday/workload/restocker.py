"""Goods come in as they go out, so that a long run does not end in `out-of-stock`."""

from collections.abc import Callable
from typing import Final

import orjson

from gameday.addresses import ADMIN
from gameday.workload.browsing import holds
from gameday.workload.client import Client, Reply
from gameday.workload.mix import Step
from gameday.workload.operation import Operation, command
from gameday.workload.records import Outcome, Record
from gameday.workload.stock import Stock
from gameday.workload.transport import Answer
from gameday.workload.worker import record
from holdfast_tools.command_line import UserError

_STEP: Final = Step("admin", "restock", 0)
_CALLS_PER_ARRIVAL: Final = 0.02  # checkouts are 7 in 100 arrivals, and most goods sell less than a batch in a run
_LEAST_PER_S: Final = 0.5
_CREATED: Final = frozenset({201})


class Restocker:
    """An admin who tops up one product at a time. When the shop is away it repeats the same command, with its key."""

    def __init__(
        self, client: Client, shelf: Stock, email: str, password: str, record: Callable[[Record], None]
    ) -> None:
        self._client = client
        self._shelf = shelf
        self._who = orjson.dumps({"email": email, "password": password})
        self._email = email
        self._record = record
        self._token = ""

    def sign_in(self) -> None:
        """Raises UserError when the shop refuses or does not answer."""
        operation = Operation(
            "POST", "/api/sessions", self._who, source=ADMIN, statuses=_CREATED, good=_has_token, call="sign-in"
        )
        reply = self._client.send(operation, 0).last
        if reply.answer is None or reply.outcome is not Outcome.OK:
            raise UserError(f"the shop refused the sign-in of {self._email}: {reply.code}")
        self._token = str(reply.answer.body["token"])

    def run(self, rate: float) -> None:
        """Until the client is stopping; `rate` is that of the arrivals, a second."""
        pause_s = 1 / max(_LEAST_PER_S, _CALLS_PER_ARRIVAL * rate)
        wanted: Operation | None = None
        while not self._client.stopping.wait(pause_s):
            wanted = wanted or self._next()
            if wanted is not None and self._send(wanted).final:
                wanted = None

    def _next(self) -> Operation | None:
        needed = self._shelf.most_needed()
        if needed is None:
            return None
        product, delta = needed
        body = {"delta": delta, "reason": "restocked"}
        path = f"/api/admin/products/{product}/stock"
        return command(
            "POST", path, self._token, body, source=ADMIN, good=_has_version, call="restock", process="admin"
        )

    def _send(self, operation: Operation) -> Reply:
        exchange = self._client.send(operation, 0)
        self._record(record(_STEP, exchange.sent, exchange))
        return exchange.last


def _has_token(answer: Answer) -> bool:
    return holds(answer, "token")


def _has_version(answer: Answer) -> bool:
    return holds(answer, "product_id", "version")
