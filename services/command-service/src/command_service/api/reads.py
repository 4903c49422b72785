"""Reads of the write model: one product, the caller's cart and profile."""

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Depends
from fastapi.responses import Response

from command_service.adapters.summaries import Offer
from command_service.api.answers import read_answer
from command_service.api.requests import AnyCaller, FromParts, PathProductId, RegisteredCaller, read_token, time_left
from command_service.domain.customer import Guest
from command_service.domain.product import Discontinued, Listed, NoProduct
from command_service.domain.refusals import CustomerUnknown, ProductUnknown
from command_service.domain.values import CURRENCY
from command_service.handlers.reading import PricedCart, read_cart, read_product, read_profile
from command_service.handlers.requests import Refused
from holdfast.contracts.carts import cart_line

router = APIRouter(dependencies=[Depends(read_token)])


@router.get("/api/products/{product_id}")
async def get_product(product_id: PathProductId, parts: FromParts) -> Response:
    stream = await read_product(parts.database, time_left(), product_id)
    match stream.state:
        case NoProduct():
            raise Refused(ProductUnknown(product_id))
        case Listed() as listed:
            return read_answer({"product_id": product_id, **asdict(listed), "version": stream.version})
        case Discontinued(last):
            content = {"product_id": product_id, **asdict(last), "version": stream.version}
            return read_answer({**content, "discontinued": True})


@router.get("/api/cart")
async def get_cart(caller: AnyCaller, parts: FromParts) -> Response:
    priced = await read_cart(parts.database, time_left(), caller.subject)
    return read_answer(_cart(caller.subject, priced))


@router.get("/api/profile")
async def get_profile(caller: RegisteredCaller, parts: FromParts) -> Response:
    stream = await read_profile(parts.database, time_left(), caller.subject)
    if isinstance(stream.state, Guest):
        raise Refused(CustomerUnknown())
    profile = stream.state
    return read_answer(
        {
            "customer_id": caller.subject,
            "name": profile.name,
            "email": profile.email,
            "address": asdict(profile.address) if profile.address else None,
            "version": stream.version,
        }
    )


def _cart(cart_id: str, priced: PricedCart) -> dict[str, Any]:
    lines = [
        _line(product_id, quantity, priced.offers[product_id]) for product_id, quantity in priced.cart.lines.items()
    ]
    return {
        "cart_id": cart_id,
        "lines": lines,
        "total_amount": sum(line["line_amount"] for line in lines),
        "currency": CURRENCY,
        "version": priced.version,
    }


def _line(product_id: str, quantity: int, offer: Offer) -> dict[str, Any]:
    return cart_line(
        product_id, offer.name, quantity, offer.unit_amount, offer.available, discontinued=offer.discontinued
    )
