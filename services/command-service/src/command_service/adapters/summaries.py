"""Reads of single columns out of folded states, where loading whole streams would be too much."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from holdfast.eventstore import Transaction

_OFFERS = """
SELECT stream_id, state->>'name' AS name, (state->>'unit_amount')::bigint AS unit_amount,
       (state->>'available')::bigint AS available, (state->>'discontinued')::boolean AS discontinued
  FROM streams WHERE stream_id = ANY($1)
"""

# `owner` and `kind` lead to the index streams_by_owner; a page starts below the last order seen.
_ORDERS = """
SELECT stream_id, created_at, version, state->>'status' AS status,
       (state->>'total_amount')::bigint AS total_amount, state->>'currency' AS currency
  FROM streams
 WHERE owner = $1 AND kind = 'order' AND ($2::text IS NULL OR state->>'status' = $2)
   AND ($3::timestamptz IS NULL OR (created_at, stream_id) < ($3, $4::text COLLATE "C"))
 ORDER BY created_at DESC, stream_id DESC LIMIT $5
"""
_COUNT = """
SELECT count(*) FROM streams
 WHERE owner = $1 AND kind = 'order' AND ($2::text IS NULL OR state->>'status' = $2)
"""


@dataclass(frozen=True, slots=True)
class Offer:
    """A product's present name, price in pence and stock, and whether it is no longer sold."""

    name: str
    unit_amount: int
    available: int
    discontinued: bool


@dataclass(frozen=True, slots=True)
class OrderSummary:
    order_id: str
    status: str
    total_amount: int
    currency: str
    placed_at: datetime
    version: int


async def read_offers(tx: Transaction, product_ids: Iterable[str]) -> dict[str, Offer]:
    """Product id to its offer; unknown products are left out."""
    rows = await tx.fetch(_OFFERS, [f"product-{product_id}" for product_id in product_ids])
    return {
        row["stream_id"].removeprefix("product-"): Offer(
            row["name"], row["unit_amount"], row["available"], row["discontinued"]
        )
        for row in rows
    }


async def list_orders(
    tx: Transaction, owner: str, status: str | None, after: tuple[datetime, str] | None, limit: int
) -> list[OrderSummary]:
    """An owner's orders, newest first, ties by order id descending.

    `after` is (placed_at, order_id) of the last one seen.
    """
    placed_at, order_id = after or (None, "")
    rows = await tx.fetch(_ORDERS, owner, status, placed_at, f"order-{order_id}", limit)
    return [
        OrderSummary(
            row["stream_id"].removeprefix("order-"),
            row["status"],
            row["total_amount"],
            row["currency"],
            row["created_at"],
            row["version"],
        )
        for row in rows
    ]


async def count_orders(tx: Transaction, owner: str, status: str | None) -> int:
    """How many orders the owner has, of one status if it is given."""
    return int(await tx.fetchval(_COUNT, owner, status))
