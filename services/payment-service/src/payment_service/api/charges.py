"""Charges, voids and the processor's journal over HTTP (INTERNALS, payment-service)."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Annotated, Final, assert_never

from fastapi import APIRouter, Path, Query
from fastapi.responses import Response
from pydantic import Field

from holdfast.contracts import fields, requests
from holdfast.resilience.errors import DeadlineExceeded
from holdfast.service.context import current
from holdfast.service.problems import Problem
from holdfast.service.responses import json_response
from payment_service.adapters.processor import Processor
from payment_service.charging import Charging
from payment_service.domain.charge import Charge, ChargeDiffers, Status, VoidedBefore

# Seconds of a request's time that are kept for the way back: the answer has to be there before the caller
# gives up.
_ANSWER_SHARE_S = 0.03
# And the answer comes within 400 ms, whatever time a caller has: part of the protocol (CORRECTNESS 8).
TOTAL_S: Final = 0.4

OrderId = Annotated[str, Path(pattern=fields.UUID_PATTERN)]


class ChargeRequest(requests.Request):
    """`amount` in the currency's smallest unit."""

    amount: Annotated[int, Field(ge=1, le=2**53)]
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")]
    payment_token: fields.Text200


class VoidRequest(requests.Request):
    """Nothing: what is to be voided is the order's charge."""


def charges_router(charging: Charging, processor: Processor) -> APIRouter:
    """PUT and GET of charges, PUT of voids, GET of the journal."""
    router = APIRouter()

    @router.put("/charges/{order_id}")
    async def put_charge(order_id: OrderId, body: ChargeRequest) -> Response:
        """200 captured or declined, 202 pending, 409 `voided`, 422 `charge-differs`."""
        with _in_time():
            charge = await charging.charge(order_id, body.amount, body.currency, body.payment_token, _wait_s())
        return _charge_answer(order_id, charge)

    @router.put("/voids/{order_id}")
    async def put_void(order_id: OrderId, _body: VoidRequest) -> Response:
        """200 refunded or voided, 202 while a charge or refund is under way."""
        with _in_time():
            charge = await charging.void(order_id, _wait_s())
        return _void_answer(charge)

    @router.get("/charges/{order_id}")
    async def get_charge(order_id: OrderId) -> Response:
        """The row as the ledger has it: `{order_id, status, amount, currency}`; 404 `charge-unknown`."""
        charge = await charging.find(order_id)
        if charge is None:
            raise Problem(404, "charge-unknown", f"order {order_id} was neither charged nor voided")
        content = {"order_id": order_id, "status": charge.status.value}
        return json_response(content | {"amount": charge.amount, "currency": charge.currency})

    @router.get("/journal")
    async def get_journal(
        after: Annotated[int, Query(ge=0, le=2**62)] = 0, limit: Annotated[int, Query(ge=1, le=1000)] = 100
    ) -> Response:
        """The processor's own books, for the audit; `next_after` is null once everything was given."""
        entries = await processor.entries(after, limit)
        items = [asdict(entry) for entry in entries]
        return json_response({"items": items, "next_after": entries[-1].seq if len(entries) == limit else None})

    return router


def _charge_answer(order_id: str, charge: Charge | VoidedBefore | ChargeDiffers) -> Response:
    match charge:
        case Charge(status=Status.CAPTURED | Status.DECLINED as status):
            return json_response({"order_id": order_id, "status": status.value})
        case Charge(status=Status.PENDING):
            return json_response({"order_id": order_id, "status": "pending"}, 202)
        case ChargeDiffers(_, amount, currency):
            raise Problem(422, "charge-differs", f"order {order_id} was charged {amount} {currency} before")
        case VoidedBefore() | Charge():
            # A charge in any other state was voided while this call waited: the void has the last word.
            raise Problem(409, "voided", f"order {order_id} was voided and cannot be charged")
        case _:
            assert_never(charge)


def _void_answer(charge: Charge) -> Response:
    if charge.status not in {Status.REFUNDED, Status.VOIDED}:
        return json_response({"order_id": charge.order_id, "status": "pending"}, 202)
    amount = charge.amount if charge.status is Status.REFUNDED else 0
    return json_response({"order_id": charge.order_id, "status": charge.status.value, "amount": amount})


@contextmanager
def _in_time() -> Iterator[None]:
    try:
        yield
    except TimeoutError as error:
        raise DeadlineExceeded("ledger") from error


def _wait_s() -> float:
    return max(0.0, current().deadline.at_most(TOTAL_S).remaining_s() - _ANSWER_SHARE_S)
