"""The payment-service as the command-service sees it: asking for a charge or a void, and reading the answer."""

from dataclasses import dataclass
from typing import Any

import orjson

from command_service.domain.values import OrderId
from holdfast.resilience.client import OutboundClient
from holdfast.resilience.deadline import Deadline
from holdfast.resilience.settings import CHARGE
from holdfast.resilience.wire import Answer
from holdfast.service.context import current_or_none


@dataclass(frozen=True, slots=True)
class Captured:
    """The money of the order was taken."""


@dataclass(frozen=True, slots=True)
class CardDeclined:
    """The card does not pay; `reason` is a word for the order's history."""

    reason: str = "card-declined"


@dataclass(frozen=True, slots=True)
class Pending:
    """The ledger has written it down and is still at work."""


@dataclass(frozen=True, slots=True)
class VoidedBefore:
    """A void came first: the order is never charged."""


@dataclass(frozen=True, slots=True)
class Refunded:
    """`amount` was captured and given back."""

    amount: int


@dataclass(frozen=True, slots=True)
class NothingCaptured:
    """Nothing was captured and nothing ever will be."""


ChargeAnswer = Captured | CardDeclined | Pending | VoidedBefore
VoidAnswer = Refunded | NothingCaptured | Pending


class LedgerAnswerUnexpected(Exception):
    """The payment-service answered what INTERNALS does not know, or an error of its own. Fields: `status`, `body`."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(f"payment-service answered {status}: {body[:200]!r}")
        self.status = status
        self.body = body


class Payments:
    """Asks the ledger over HTTP; every call is idempotent by the order's id, and its result may be unknown.

    Both methods raise what `OutboundClient.request` raises, and LedgerAnswerUnexpected.
    """

    def __init__(self, client: OutboundClient) -> None:
        self._client = client

    async def charge(
        self, order_id: OrderId, amount: int, currency: str, payment_token: str, deadline: Deadline
    ) -> ChargeAnswer:
        """Charge the order once; `amount` in the currency's smallest unit."""
        body = {"amount": amount, "currency": currency, "payment_token": payment_token}
        answer = await self._put(f"/charges/{order_id}", body, deadline)
        content = _content(answer)
        match answer.status, content.get("code") if answer.status == 409 else content.get("status"):
            case 200, "captured":
                return Captured()
            case 200, "declined":
                return CardDeclined()
            case 202, "pending":
                return Pending()
            case 409, "voided":
                return VoidedBefore()
            case _:
                raise LedgerAnswerUnexpected(answer.status, answer.body)

    async def void(self, order_id: OrderId, deadline: Deadline) -> VoidAnswer:
        """Take the order's charge back, and refuse any that may still come."""
        answer = await self._put(f"/voids/{order_id}", {}, deadline)
        content = _content(answer)
        match answer.status, content.get("status"), content.get("amount"):
            case 200, "refunded", int(amount):
                return Refunded(amount)
            case 200, "voided", _:
                return NothingCaptured()
            case 202, "pending", _:
                return Pending()
            case _:
                raise LedgerAnswerUnexpected(answer.status, answer.body)

    async def _put(self, path: str, body: dict[str, Any], deadline: Deadline) -> Answer:
        headers = [("Content-Type", "application/json")]
        if context := current_or_none():
            headers += [("X-Request-Id", context.request_id), ("traceparent", context.traceparent)]
        return await self._client.request(
            "PUT", path, deadline=deadline, policy=CHARGE, headers=headers, content=orjson.dumps(body)
        )


def _content(answer: Answer) -> dict[str, Any]:
    try:
        content = orjson.loads(answer.body)
    except orjson.JSONDecodeError as error:
        raise LedgerAnswerUnexpected(answer.status, answer.body) from error
    if not isinstance(content, dict):
        raise LedgerAnswerUnexpected(answer.status, answer.body)
    return content
