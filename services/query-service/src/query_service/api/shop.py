"""The shopper's reads of API.md. A Consistency-Token counts where the docstring says so; other lists ignore it."""

from collections.abc import Mapping
from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import Response

from holdfast.contracts.consistency import HEADER, decode_consistency
from holdfast.contracts.documents import document_id
from holdfast.contracts.query_parameters import (
    ListParameters,
    NoParameters,
    OrderParameters,
    ProductParameters,
)
from holdfast.service import context
from holdfast.service.auth import any_caller, optional_caller, registered_caller
from holdfast.service.tokens import Caller
from query_service.api.answers import read_model_answer
from query_service.api.parameters import read
from query_service.consistency import counted
from query_service.freshness import Freshness
from query_service.queries.carts import CartQueries
from query_service.queries.composed import Composed
from query_service.queries.customers import CustomerQueries
from query_service.queries.orders import OrderQueries
from query_service.queries.products import ProductQueries
from query_service.search.products import ProductSearch


@dataclass(frozen=True, slots=True)
class ShopReads:
    """What the shopper's routes ask."""

    products: ProductQueries
    carts: CartQueries
    orders: OrderQueries
    customers: CustomerQueries
    freshness: Freshness


def token_versions(request: Request, caller: Caller | None) -> Mapping[str, int]:
    """Stream id → version of the request's Consistency-Token that count. Raises ConsistencyTokenInvalid."""
    return counted(decode_consistency(request.headers.getlist(HEADER)), caller)


def shop_router(reads: ShopReads) -> APIRouter:  # one function a route, registered here
    router = APIRouter()
    _add_products(router, reads)
    _add_own(router, reads)
    return router


def _add_products(router: APIRouter, reads: ShopReads) -> None:
    @router.get("/api/products")
    async def list_products(request: Request) -> Response:
        """Ignores tokens."""
        asked = read(ProductParameters, request)
        token_versions(request, optional_caller(request))
        search = ProductSearch(asked.q, asked.category, asked.min_amount, asked.max_amount, asked.in_stock, asked.sort)
        found = await reads.products.listed(search, asked.limit, asked.cursor, context.current().deadline)
        return read_model_answer(found, reads.freshness)

    @router.get("/api/products/{product_id}")
    async def get_product(request: Request, product_id: str) -> Response:
        """Counts the product's version for an admin."""
        caller = optional_caller(request)
        read(NoParameters, request)
        at_least = token_versions(request, caller).get(f"product-{product_id}", 0)
        caller_id = caller.subject if caller else ""
        found = await reads.products.get(product_id, at_least, caller_id, context.current().deadline)
        return read_model_answer(found, reads.freshness)

    @router.get("/api/products/{product_id}/recommendations")
    async def get_recommendations(request: Request, product_id: str) -> Response:
        """Ignores tokens."""
        asked = read(ListParameters, request)
        token_versions(request, optional_caller(request))
        composed = Composed()
        found = await reads.products.recommendations(
            product_id, asked.limit, asked.cursor, composed, context.current().deadline
        )
        return read_model_answer(found, reads.freshness, missing=composed.missing)


def _add_own(router: APIRouter, reads: ShopReads) -> None:
    @router.get("/api/cart")
    async def get_cart(request: Request) -> Response:
        """Counts the caller's cart's version."""
        caller = any_caller(request)
        read(NoParameters, request)
        at_least = token_versions(request, caller).get(f"cart-{caller.subject}", 0)
        found = await reads.carts.get(caller.subject, at_least, context.current().deadline)
        return read_model_answer(found, reads.freshness)

    @router.get("/api/orders")
    async def list_orders(request: Request) -> Response:
        """Counts every order's version."""
        caller = any_caller(request)
        asked = read(OrderParameters, request)
        versions = token_versions(request, caller)
        orders = {document_id(stream): at for stream, at in versions.items() if stream.startswith("order-")}
        found = await reads.orders.own(
            caller.subject, asked.status, asked.limit, asked.cursor, orders, context.current().deadline
        )
        return read_model_answer(found, reads.freshness)

    @router.get("/api/orders/{order_id}")
    async def get_order(request: Request, order_id: str) -> Response:
        """Counts the order's version."""
        caller = any_caller(request)
        read(NoParameters, request)
        order_id = order_id.lower()
        at_least = token_versions(request, caller).get(f"order-{order_id}", 0)
        owner = None if caller.role == "admin" else caller.subject
        found = await reads.orders.get(order_id, owner, at_least, caller.subject, context.current().deadline)
        return read_model_answer(found, reads.freshness)

    @router.get("/api/profile")
    async def get_profile(request: Request) -> Response:
        """Counts the caller's profile's version."""
        caller = registered_caller(request)
        read(NoParameters, request)
        at_least = token_versions(request, caller).get(f"customer-{caller.subject}", 0)
        found = await reads.customers.own(caller.subject, at_least, context.current().deadline)
        return read_model_answer(found, reads.freshness)
