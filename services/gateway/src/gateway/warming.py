"""Fills the cache a little after the start, so that a store that fails in the first seconds does not empty the shop."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import orjson
import structlog
from fastapi.responses import Response

from gateway.call import Call
from gateway.routes import FORWARDED
from gateway.routing import Route
from holdfast.resilience.deadline import Deadline
from holdfast.resilience.errors import ResilienceError
from holdfast.service.problems import Problem

log = structlog.get_logger(__name__)
_AGAIN_S: Final = 1.0
_PAUSE_S: Final = 0.05  # between two calls: at most 20 a second, one at a time
_AT_MOST: Final = 20  # products: the first page as it is shown without parameters

Forward = Callable[[Call], Awaitable[Response]]


async def warm(forward: Forward) -> None:
    """Read the first page of products, as soon as there is one to read, then each of its products.

    Runs beside everything else and fails nothing: what cannot be read is left out.
    """
    page, product = (route for route in FORWARDED if route.name in ("list_products", "get_product"))
    while (first := await _read(forward, page, page.path)) is None:  # noqa: ASYNC110  # it asks again
        await asyncio.sleep(_AGAIN_S)
    ids = [item["product_id"] for item in orjson.loads(first)["items"][:_AT_MOST]]
    for product_id in ids:
        await asyncio.sleep(_PAUSE_S)
        await _read(forward, product, product.path.replace("{product_id}", product_id))
    log.info("cache_warmed", products=len(ids))


async def _read(forward: Forward, route: Route, path: str) -> bytes | None:
    try:
        answer = await forward(Call(route, path, "", (), Deadline.after(route.budget.total_s)))
    except (ResilienceError, Problem):
        return None
    return bytes(answer.body) if answer.status_code == 200 else None
