"""Fills the cache a little after the start, so that a store that fails in the first seconds does not empty the shop."""

import asyncio
import math
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final

import orjson
import structlog
from fastapi.responses import Response

from gateway.call import Call
from gateway.routes import FORWARDED
from gateway.routing import Budget, Route
from holdfast.resilience.deadline import Deadline
from holdfast.resilience.errors import ResilienceError
from holdfast.resilience.outcome import Outcome
from holdfast.resilience.policy import CallPolicy
from holdfast.resilience.settings import READ_TOTAL_S
from holdfast.service.problems import Problem

log = structlog.get_logger(__name__)
_AGAIN_S: Final = 0.5
_PAUSE_S: Final = 0.05  # between two calls: at most 20 a second, one at a time
_AT_MOST: Final = 20  # products: the first page as it is shown without parameters

# A stack that is just starting is slow and refuses much. That is nobody's fault, so breakers do not hear of it.
_UNHEARD: Final = CallPolicy(
    attempt_timeout_s=0.6, retry=False, fair_chance_s=math.inf, classify=lambda _status, _retry_after: Outcome.NEUTRAL
)

Forward = Callable[[Call], Awaitable[Response]]


async def warm(forward: Forward) -> None:
    """Read the first page of products, as soon as there is one to read, then each of its products.

    Runs beside everything else and fails nothing: what cannot be read is left out.
    """
    budget = Budget(READ_TOTAL_S, _UNHEARD)
    page, product = (
        replace(route, budget=budget) for route in FORWARDED if route.name in ("list_products", "get_product")
    )
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
