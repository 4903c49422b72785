"""Commands of an order's owner."""

from fastapi import APIRouter
from fastapi.responses import Response

from command_service.api.answers import command_answer
from command_service.api.requests import AnyCommand, FromParts, PathOrderId
from command_service.handlers.cancel import cancel
from holdfast.contracts import requests

router = APIRouter()


@router.post("/api/orders/{order_id}/cancel")
async def cancel_order(order_id: PathOrderId, body: requests.Cancel, request: AnyCommand, parts: FromParts) -> Response:
    done = await cancel(parts, request, order_id, body.reason)
    content = {"order_id": done.order_id, "status": "cancelled", "refund": done.refund, "version": done.version}
    return command_answer(content, done.versions, replayed=done.replayed)
