"""The admin's reads of API.md. They are lists and sums: they ignore Consistency-Tokens (CORRECTNESS 21)."""

from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import Response

from holdfast.contracts.query_parameters import AdminOrderParameters, CustomerParameters, SalesParameters
from holdfast.service import context
from holdfast.service.auth import admin_caller
from query_service.api.answers import read_model_answer
from query_service.api.parameters import read
from query_service.api.shop import token_versions
from query_service.freshness import Freshness
from query_service.queries.customers import CustomerQueries
from query_service.queries.orders import OrderQueries
from query_service.queries.sales import Period, SalesQueries


@dataclass(frozen=True, slots=True)
class AdminReads:
    """What the admin's routes ask."""

    orders: OrderQueries
    customers: CustomerQueries
    sales: SalesQueries
    freshness: Freshness


def admin_router(reads: AdminReads) -> APIRouter:
    router = APIRouter()

    @router.get("/api/admin/orders")
    async def list_orders(request: Request) -> Response:
        token_versions(request, admin_caller(request))
        asked = read(AdminOrderParameters, request)
        deadline = context.current().deadline
        found = await reads.orders.all(asked.status, asked.q, asked.limit, asked.cursor, deadline)
        return read_model_answer(found, reads.freshness)

    @router.get("/api/admin/customers")
    async def list_customers(request: Request) -> Response:
        token_versions(request, admin_caller(request))
        asked = read(CustomerParameters, request)
        found = await reads.customers.all(asked.q, asked.limit, asked.cursor, context.current().deadline)
        return read_model_answer(found, reads.freshness)

    @router.get("/api/admin/sales")
    async def get_sales(request: Request) -> Response:
        token_versions(request, admin_caller(request))
        asked = read(SalesParameters, request)
        found = await reads.sales.get(Period(asked.from_, asked.to), context.current().deadline)
        return read_model_answer(found, reads.freshness)

    return router
