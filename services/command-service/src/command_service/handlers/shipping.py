"""Shipping an order, by an administrator."""

from command_service.codec import ORDER
from command_service.domain import order
from command_service.domain.values import OrderId
from command_service.handlers.requests import CommandRequest
from command_service.handlers.single_stream import Done, Target, change_stream
from holdfast.eventstore import Database


async def ship_order(database: Database, request: CommandRequest, order_id: OrderId, command: order.Ship) -> Done:
    """Ship a paid order, whoever's it is."""
    return await change_stream(database, request, Target(ORDER, order_id), lambda state: order.decide(command, state))
