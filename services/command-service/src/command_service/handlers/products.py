"""The catalogue's commands, by an administrator."""

from command_service.codec import PRODUCT
from command_service.domain import product
from command_service.domain.values import ProductId
from command_service.handlers.requests import CommandRequest
from command_service.handlers.single_stream import Done, Target, change_stream
from holdfast.eventstore import Database


async def change_product(
    database: Database, request: CommandRequest, product_id: ProductId, command: product.Command
) -> Done:
    """Apply a command to one product."""
    return await change_stream(
        database, request, Target(PRODUCT, product_id), lambda state: product.decide(command, state)
    )
