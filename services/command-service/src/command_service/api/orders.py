"""Reads of the caller's own orders out of the write model."""

from dataclasses import asdict
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response

from command_service.api.answers import read_answer
from command_service.api.events import published
from command_service.api.requests import AnyCaller, FromParts, PathOrderId, read_token, time_left
from command_service.domain.order import ExistingOrder, refund, status
from command_service.handlers.own_orders import read_orders
from command_service.handlers.reading import read_order, read_order_history
from holdfast.contracts.cursors import decode_cursor, decode_order_cursor, encode_cursor, encode_order_cursor
from holdfast.contracts.http import OrderStatus
from holdfast.eventstore import Stream

router = APIRouter(dependencies=[Depends(read_token)])
Limit = Annotated[int, Query(ge=1, le=100)]
Cursor = Annotated[str | None, Query()]
Status = Annotated[OrderStatus | None, Query()]


@router.get("/api/orders")
async def get_orders(
    caller: AnyCaller,
    parts: FromParts,
    status: Status = None,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> Response:
    after = None
    if cursor is not None:
        placed_at, last_id = decode_order_cursor(cursor, status)
        after = (placed_at, str(last_id))
    page = await read_orders(parts.database, time_left(), caller.subject, status=status, after=after, limit=limit)
    next_cursor = None
    if page.more:
        last = page.orders[-1]
        next_cursor = encode_order_cursor(last.placed_at, UUID(last.order_id), status)
    return read_answer(
        {"items": [asdict(order) for order in page.orders], "next_cursor": next_cursor, "total": page.total}
    )


@router.get("/api/orders/{order_id}")
async def get_order(order_id: PathOrderId, caller: AnyCaller, parts: FromParts) -> Response:
    stream, order = await read_order(parts.database, time_left(), caller.subject, order_id)
    return read_answer(_details(stream, order))


@router.get("/api/orders/{order_id}/history")
async def get_order_history(
    order_id: PathOrderId, caller: AnyCaller, parts: FromParts, limit: Limit = 20, cursor: Cursor = None
) -> Response:
    scope = {"list": "order-history", "order_id": order_id}
    after = int(decode_cursor(cursor, (int,), scope)[0]) if cursor is not None else 0
    found = await read_order_history(parts.database, time_left(), caller.subject, order_id, max(after, 0), limit)
    last = found.events[-1].version if found.events else found.stream.version
    next_cursor = encode_cursor((last,), scope) if last < found.stream.version else None
    items = [published(event) for event in found.events]
    return read_answer({"items": items, "next_cursor": next_cursor, "total": found.stream.version})


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
    }
