"""The caller's own orders out of the write model, which lists an order at once (CORRECTNESS 21)."""

from dataclasses import dataclass
from datetime import datetime

from command_service.adapters.summaries import OrderSummary, count_orders, list_orders
from holdfast.eventstore import Database
from holdfast.resilience.deadline import Deadline


@dataclass(frozen=True, slots=True)
class OrderPage:
    """One page, newest first; `more`: there are further ones. `total` counts the whole list."""

    orders: list[OrderSummary]
    more: bool
    total: int


async def read_orders(
    database: Database,
    deadline: Deadline,
    owner: str,
    *,
    status: str | None,
    after: tuple[datetime, str] | None,
    limit: int,
) -> OrderPage:
    """The owner's orders of one status (None: any), after (placed_at, order_id) of the last one seen."""
    async with database.transaction(deadline) as tx:
        orders = await list_orders(tx, owner, status, after, limit + 1)
        total = await count_orders(tx, owner, status)
    return OrderPage(orders[:limit], len(orders) > limit, total)
