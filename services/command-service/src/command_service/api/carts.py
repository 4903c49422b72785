"""Commands on the cart."""

from fastapi import APIRouter
from fastapi.responses import Response
from starlette.convertors import PathConvertor, register_url_convertor

from command_service.api.answers import done_answer
from command_service.api.requests import AnyCommand, FromParts
from command_service.domain import cart
from command_service.domain.values import ProductId
from command_service.handlers.carts import change_cart
from command_service.handlers.requests import CommandRequest
from command_service.parts import Parts
from holdfast.contracts.requests import CartItem, CartQuantity


class _AnyText(PathConvertor):
    """The rest of a path exactly as it is. Starlette's own `path` ends before a line break: `mug%0A` would be `mug`."""

    regex = r"(?s:.*)"


register_url_convertor("any_text", _AnyText())
router = APIRouter()


@router.post("/api/cart/items")
async def add_item(body: CartItem, request: AnyCommand, parts: FromParts) -> Response:
    return await _changed(parts, request, cart.AddItem(ProductId(body.product_id), body.quantity))


# A product id in these paths is only looked up in the cart: one that no product can have is a line that is not there,
# with a slash or a line break in it too.
@router.put("/api/cart/items/{product_id:any_text}")
async def change_quantity(product_id: str, body: CartQuantity, request: AnyCommand, parts: FromParts) -> Response:
    return await _changed(parts, request, cart.ChangeQuantity(ProductId(product_id), body.quantity))


@router.delete("/api/cart/items/{product_id:any_text}")
async def remove_item(product_id: str, request: AnyCommand, parts: FromParts) -> Response:
    return await _changed(parts, request, cart.RemoveItem(ProductId(product_id)))


@router.delete("/api/cart")
async def clear(request: AnyCommand, parts: FromParts) -> Response:
    return await _changed(parts, request, cart.Clear())


async def _changed(parts: Parts, request: CommandRequest, command: cart.Command) -> Response:
    done = await change_cart(parts.database, request, command)
    return done_answer(done, {"cart_id": request.subject})
