"""Commands of an administrator: the catalogue, and shipping."""

from fastapi import APIRouter
from fastapi.responses import Response

from command_service.api.answers import done_answer
from command_service.api.requests import AdminCommand, FromParts, PathOrderId, PathProductId
from command_service.domain import order, product
from command_service.domain.values import CURRENCY, ProductId
from command_service.handlers.products import change_product
from command_service.handlers.requests import CommandRequest
from command_service.handlers.shipping import ship_order
from command_service.parts import Parts
from holdfast.contracts.requests import NewProduct, PriceChange, Shipment, StockChange

router = APIRouter()


@router.post("/api/admin/products")
async def create_product(body: NewProduct, request: AdminCommand, parts: FromParts) -> Response:
    command = product.Create(body.name, body.description, body.category, body.unit_amount, CURRENCY, body.available)
    return await _changed(parts, request, ProductId(body.product_id), command, status=201)


@router.put("/api/admin/products/{product_id}/price")
async def change_price(
    product_id: PathProductId, body: PriceChange, request: AdminCommand, parts: FromParts
) -> Response:
    return await _changed(parts, request, product_id, product.ChangePrice(product_id, body.unit_amount))


@router.post("/api/admin/products/{product_id}/stock")
async def adjust_stock(
    product_id: PathProductId, body: StockChange, request: AdminCommand, parts: FromParts
) -> Response:
    return await _changed(parts, request, product_id, product.AdjustStock(product_id, body.delta, body.reason))


@router.delete("/api/admin/products/{product_id}")
async def discontinue_product(product_id: PathProductId, request: AdminCommand, parts: FromParts) -> Response:
    return await _changed(parts, request, product_id, product.Discontinue(product_id))


@router.post("/api/admin/products/{product_id}/relist")
async def relist_product(product_id: PathProductId, request: AdminCommand, parts: FromParts) -> Response:
    return await _changed(parts, request, product_id, product.Relist(product_id))


@router.post("/api/admin/orders/{order_id}/ship")
async def ship(
    order_id: PathOrderId, request: AdminCommand, parts: FromParts, body: Shipment | None = None
) -> Response:
    body = body or Shipment()
    done = await ship_order(parts.database, request, order_id, order.Ship(body.carrier, body.tracking))
    return done_answer(done, {"order_id": order_id, "status": "shipped"})


async def _changed(
    parts: Parts, request: CommandRequest, product_id: ProductId, command: product.Command, status: int = 200
) -> Response:
    done = await change_product(parts.database, request, product_id, command)
    return done_answer(done, {"product_id": product_id}, status=status)
