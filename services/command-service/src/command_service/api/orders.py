"""Reads of the caller's own orders out of the write model."""

from dataclasses import asdict
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends
from fastapi.responses import Response

from command_service.api.answers import read_answer
from command_service.api.events import published
from command_service.api.requests import AnyCaller, FromParts, PathOrderId, query_of, read_token, time_left
from command_service.domain.order import ExistingOrder, Shipped, refund, status
from command_service.handlers.own_orders import read_orders
from command_service.handlers.reading import read_order, read_order_history
from holdfast.contracts.cursors import (
    decode_order_cursor,
    decode_version_cursor,
    encode_order_cursor,
    encode_version_cursor,
)
from holdfast.contracts.query_parameters import ListParameters, OrderParameters
from holdfast.eventstore import Stream
from holdfast.service.tokens import Caller

router = APIRouter(dependencies=[Depends(read_token)])


@router.get("/api/orders")
async def get_orders(
    asked: Annotated[OrderParameters, Depends(query_of(OrderParameters))], caller: AnyCaller, parts: FromParts
) -> Response:
    after = None
    if asked.cursor is not None:
        placed_at, last_id = decode_order_cursor(asked.cursor, asked.status)
        after = (placed_at, str(last_id))
    page = await read_orders(
        parts.database, time_left(), caller.subject, status=asked.status, after=after, limit=asked.limit
    )
    next_cursor = None
    if page.more:
        last = page.orders[-1]
        next_cursor = encode_order_cursor(last.placed_at, UUID(last.order_id), asked.status)
    return read_answer(
        {"items": [asdict(order) for order in page.orders], "next_cursor": next_cursor, "total": page.total}
    )


@router.get("/api/orders/{order_id}")
async def get_order(order_id: PathOrderId, caller: AnyCaller, parts: FromParts) -> Response:
    stream, order = await read_order(parts.database, time_left(), _owner(caller), order_id)
    return read_answer(_details(stream, order))


@router.get("/api/orders/{order_id}/history")
async def get_order_history(
    order_id: PathOrderId,
    asked: Annotated[ListParameters, Depends(query_of(ListParameters))],
    caller: AnyCaller,
    parts: FromParts,
) -> Response:
    scope = {"list": "order-history", "order_id": order_id}
    after = decode_version_cursor(asked.cursor, scope)
    found = await read_order_history(parts.database, time_left(), _owner(caller), order_id, after, asked.limit)
    last = found.events[-1].version if found.events else found.stream.version
    next_cursor = encode_version_cursor(last, scope) if last < found.stream.version else None
    items = [published(event) for event in found.events]
    return read_answer({"items": items, "next_cursor": next_cursor, "total": found.stream.version})


def _owner(caller: Caller) -> str | None:
    """Whose orders the caller may see: an administrator sees any, as in the read model."""
    return None if caller.role == "admin" else caller.subject


def _details(stream: Stream[Any], order: ExistingOrder) -> dict[str, Any]:
    details = order.details
    return {
        "order_id": stream.identity,
        "status": status(order),
        "total_amount": details.total_amount,
        "currency": details.currency,
        "placed_at": stream.created_at,
        "version": stream.version,
        "lines": [{**asdict(line), "line_amount": line.line_amount} for line in details.lines],
        "shipping_address": asdict(details.shipping_address) if details.shipping_address else None,
        "refund": refund(order),
        "carrier": order.carrier if isinstance(order, Shipped) else None,
        "tracking": order.tracking if isinstance(order, Shipped) else None,
    }
