"""ListOrders and GetOrderDetails for their owner, ListPendingOrders and the like for an admin."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from holdfast.contracts.cursors import ORDERS, decode_cursor, decode_order_cursor, encode_order_cursor
from holdfast.contracts.fields import UUID_PATTERN, OrderStatus
from holdfast.contracts.messages import rfc3339
from holdfast.resilience.deadline import Deadline
from query_service.adapters.elasticsearch import ReadIndex
from query_service.queries.by_time import TimeOrder
from query_service.queries.errors import OrderUnknown
from query_service.queries.pages import Json, page
from query_service.search.words import best_of, exact, prefix, words
from query_service.waiting import ReadModelBehind, TokenWaits

_SUMMARY: Final = ("order_id", "status", "total_amount", "currency", "placed_at", "version")
_ADMIN_SUMMARY: Final = (*_SUMMARY, "customer_id")
_DETAILS: Final = (*_SUMMARY, "lines", "shipping_address", "refund", "carrier", "tracking")
_ORDER_ID: Final = re.compile(UUID_PATTERN)
_NEWEST_FIRST: Final = TimeOrder("orders", "placed_at", "order_id")
_OLDEST_FIRST: Final = TimeOrder("orders", "placed_at", "order_id", "asc")


class OrderQueries:
    """Raises OrderUnknown, CursorInvalid, ReadModelBehind and what ReadIndex raises."""

    def __init__(self, index: ReadIndex, waits: TokenWaits) -> None:
        self._index = index
        self._waits = waits

    async def get(self, order_id: str, owner: str | None, at_least: int, caller_id: str, deadline: Deadline) -> Json:
        """The order if it is `owner`'s (None: whoever's), at version `at_least` or newer."""
        if not _ORDER_ID.fullmatch(order_id):
            raise OrderUnknown(order_id)
        document = await self._waits.read(
            caller_id,
            lambda: self._index.get("orders", order_id, deadline),
            lambda found: _settled(found, owner, at_least),
            what=f"order-{order_id}@{at_least}",
            deadline=deadline,
        )
        if document is None or owner not in (None, document["customer_id"]):
            raise OrderUnknown(order_id)
        return {name: document[name] for name in _DETAILS}

    async def own(
        self,
        owner: str,
        status: OrderStatus | None,
        limit: int,
        cursor: str | None,
        at_least: Mapping[str, int],
        deadline: Deadline,
    ) -> Json:
        """A page of the owner's orders, newest first. `at_least` is order id → version out of the caller's token.

        A search sees a write up to a second late (CORRECTNESS 21). When it has not seen the token's orders as they are,
        on this page or another, ReadModelBehind is raised: the total counts all pages.
        """
        after = None if cursor is None else _place(*decode_order_cursor(cursor, status))
        known = await self._at_least(owner, at_least, deadline)
        conditions: list[Json] = [{"term": {"customer_id": owner}}]
        if status is not None:
            conditions.append({"term": {"status": status}})
        asked = _search({"bool": {"filter": conditions}}, _SUMMARY)
        mine = [document for document in known.values() if document["customer_id"] == owner]
        belonging = [document for document in mine if status in (None, document["status"])]
        if mine:
            asked["aggs"] = _counts_of(mine, belonging)
        found = await _NEWEST_FIRST.search(self._index, asked, limit, after, deadline)
        if mine and not _agrees(found["aggregations"], belonging):
            raise ReadModelBehind("the token's orders in its lists")
        shown = [hit["_source"] for hit in found["hits"]["hits"][:limit]]
        more = len(found["hits"]["hits"]) > limit
        last = (datetime.fromisoformat(shown[-1]["placed_at"]), UUID(shown[-1]["order_id"])) if more else None
        return {
            "items": [_reduced(document, _SUMMARY) for document in shown],
            "next_cursor": None if last is None else encode_order_cursor(*last, status),
            "total": found["hits"]["total"]["value"],
        }

    async def all(
        self, status: OrderStatus | None, q: str | None, limit: int, cursor: str | None, deadline: Deadline
    ) -> Json:
        """A page of everybody's orders: the pending ones (paid) oldest first, else newest first."""
        scope = {"list": "admin-orders", "status": status, "q": q}
        conditions: list[Json] = [] if status is None else [{"term": {"status": status}}]
        if q is not None:
            conditions += [best_of(exact("search", word, 1), prefix("search", word, 1)) for word in words(q)]
            conditions += [] if words(q) else [{"match_none": {}}]
        asked = _search({"bool": {"filter": conditions}}, _ADMIN_SUMMARY)
        after = None if cursor is None else decode_cursor(cursor, ORDERS, scope)
        order = _OLDEST_FIRST if status == "paid" else _NEWEST_FIRST
        found = await order.search(self._index, asked, limit, after, deadline)
        return page(found, limit, scope, lambda document: _reduced(document, _ADMIN_SUMMARY))

    async def _at_least(self, owner: str, at_least: Mapping[str, int], deadline: Deadline) -> dict[str, Json]:
        fields = (*_SUMMARY, "customer_id")
        return await self._waits.read(
            owner,
            lambda: self._index.get_many("orders", at_least, deadline, fields=fields),
            lambda found: all(
                order_id in found and found[order_id]["version"] >= version for order_id, version in at_least.items()
            ),
            what="the orders of the token",
            deadline=deadline,
        )


def _settled(document: Json | None, owner: str | None, at_least: int) -> bool:
    if at_least == 0:
        return True
    if document is None:
        return False
    return owner not in (None, document["customer_id"]) or document["version"] >= at_least


def _search(query: Json, fields: tuple[str, ...]) -> dict[str, Any]:
    return {"query": query, "track_total_hits": True, "_source": list(fields)}


def _counts_of(known: list[Json], belonging: list[Json]) -> Json:
    """Aggregations over a list's hits: how many of those that belong are there as new as known, how many others are."""
    ids = {document["order_id"] for document in known} - {document["order_id"] for document in belonging}
    new: list[Json] = [
        {"bool": {"filter": [{"term": {"order_id": one["order_id"]}}, {"range": {"version": {"gte": one["version"]}}}]}}
        for one in belonging
    ]
    return {
        "new": {"filter": {"bool": {"should": new or [{"match_none": {}}]}}},
        "others": {"filter": {"terms": {"order_id": sorted(ids)}}},
    }


def _agrees(counts: Mapping[str, Any], belonging: list[Json]) -> bool:
    return counts["new"]["doc_count"] == len(belonging) and not counts["others"]["doc_count"]


def _place(placed_at: datetime, order_id: UUID) -> tuple[str, str]:
    return rfc3339(placed_at), str(order_id)


def _reduced(document: Json, fields: tuple[str, ...]) -> Json:
    return {name: document[name] for name in fields}
