"""Checkout."""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response

from command_service.api.answers import command_answer
from command_service.api.requests import AnyCommand, FromParts
from command_service.domain.values import Address
from command_service.handlers.checkout import CheckedOut, CheckoutCommand, check_out
from holdfast.contracts import requests
from holdfast.contracts.consistency import HEADER, encode_consistency
from holdfast.service.problems import Problem

router = APIRouter()
_STATUS = {"paid": 201, "awaiting_payment": 202, "cancelled": 202}


@router.post("/api/checkout")
async def checkout(body: requests.Checkout, request: AnyCommand, parts: FromParts) -> Response:
    if request.key is None:
        raise Problem(400, "idempotency-key-missing", "a checkout needs an Idempotency-Key, so that it can be repeated")
    command = CheckoutCommand(body.payment_token, address_of(body.shipping_address), body.expected_total_amount)
    return _answer(await check_out(parts, request, request.key, command))


def address_of(address: requests.Address | None) -> Address | None:
    """A request's address as the domain's."""
    if address is None:
        return None
    return Address(
        name=address.name,
        line1=address.line1,
        line2=address.line2,
        city=address.city,
        postcode=address.postcode,
        country=address.country,
    )


def _answer(done: CheckedOut) -> Response:
    answer = done.answer
    if answer.status == "payment_declined":
        headers = {HEADER: encode_consistency(answer.versions)}
        if done.replayed:
            headers["Idempotency-Replayed"] = "true"
        detail = "the card was declined; the cart is as before"
        raise Problem(402, "payment-declined", detail, extra={"order_id": answer.order_id}, headers=headers)
    body: dict[str, Any] = {
        "order_id": answer.order_id,
        "status": answer.status,
        "total_amount": answer.total_amount,
        "currency": answer.currency,
        "version": answer.order_version,
    }
    return command_answer(body, answer.versions, status=_STATUS[answer.status], replayed=done.replayed)
