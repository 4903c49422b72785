"""Commands on the caller's own cart. Its id is the customer's (CORRECTNESS 6)."""

from command_service.codec import CART, PRODUCT
from command_service.domain import cart
from command_service.domain.product import Discontinued, NoProduct
from command_service.domain.refusals import ProductIsDiscontinued, ProductUnknown, Refusal
from command_service.handlers.requests import CommandRequest
from command_service.handlers.single_stream import Done, Target, change_stream
from holdfast.eventstore import Database, Transaction, read_stream


async def change_cart(database: Database, request: CommandRequest, command: cart.Command) -> Done:
    """Apply a command to the caller's cart. Adding wants a product that is sold now, read without a lock: it may still
    be sold out or discontinued by the time of the checkout, which decides.
    """

    async def is_sold(tx: Transaction) -> Refusal | None:
        return await _why_not_sold(tx, command) if isinstance(command, cart.AddItem) else None

    target = Target(CART, request.subject, owner=request.subject)
    return await change_stream(
        database, request, target, lambda state: cart.decide(command, state), precondition=is_sold
    )


async def _why_not_sold(tx: Transaction, command: cart.AddItem) -> ProductUnknown | ProductIsDiscontinued | None:
    product = (await read_stream(tx, (PRODUCT, command.product_id))).state
    if isinstance(product, NoProduct):
        return ProductUnknown(command.product_id)
    return ProductIsDiscontinued(command.product_id) if isinstance(product, Discontinued) else None
