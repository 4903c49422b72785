"""ListAvailableProducts, GetProduct and GetRecommendations."""

import re
from collections.abc import Awaitable
from typing import Any, Final, TypeVar

from holdfast.contracts.cursors import CursorInvalid, decode_cursor
from holdfast.contracts.fields import PRODUCT_ID_PATTERN
from holdfast.resilience.deadline import Deadline
from query_service.adapters.elasticsearch import ReadIndex
from query_service.kept import KeptAnswers
from query_service.queries.composed import Composed
from query_service.queries.errors import ProductUnknown
from query_service.queries.pages import Json, page
from query_service.search.products import ITEM_FIELDS, ProductSearch, body, facet_counts, sort
from query_service.waiting import TokenWaits

T = TypeVar("T")
_PRODUCT_ID: Final = re.compile(PRODUCT_ID_PATTERN)
_DETAIL_FIELDS: Final = (*ITEM_FIELDS, "description", "discontinued")
_TOGETHER: Final = 200  # more than a page shows, since some of them are sold out by the time of reading
_TOGETHER_S: Final = 0.5  # the aggregation's own deadline: it serves all who ask for it
_SOLD: Final = ("awaiting_payment", "paid", "shipped")


class ProductQueries:
    """Raises ProductUnknown, CursorInvalid, ReadModelBehind and what ReadIndex raises."""

    def __init__(self, index: ReadIndex, waits: TokenWaits, together: KeptAnswers[list[str]]) -> None:
        self._index = index
        self._waits = waits
        self._together = together

    async def listed(self, search: ProductSearch, limit: int, cursor: str | None, deadline: Deadline) -> Json:
        """A page of the products found, with facets over all of them."""
        _, shape = sort(search)
        after = None if cursor is None else decode_cursor(cursor, shape, search.scope())
        found = await self._index.search("products", body(search, limit, after), deadline)
        return page(found, limit, search.scope(), _item) | {"facets": facet_counts(found["aggregations"])}

    async def get(self, product_id: str, at_least: int, caller_id: str, deadline: Deadline) -> Json:
        """The product at version `at_least` or newer; a discontinued one says so."""
        if not _PRODUCT_ID.fullmatch(product_id):
            raise ProductUnknown(product_id)
        document = await self._waits.read(
            caller_id,
            lambda: self._index.get("products", product_id, deadline),
            lambda found: at_least == 0 or (found is not None and found["version"] >= at_least),
            what=f"product-{product_id}@{at_least}",
            deadline=deadline,
        )
        if document is None:
            raise ProductUnknown(product_id)
        details = {name: document[name] for name in _DETAIL_FIELDS}
        if not details["discontinued"]:
            del details["discontinued"]
        return details

    async def recommendations(
        self, product_id: str, limit: int, cursor: str | None, composed: Composed, deadline: Deadline
    ) -> Json:
        """What is bought together with the product, most often first, and to be had; else others of its category.

        The products are required, what is bought together is optional: it comes from another index, and takes longest.
        """
        if cursor is not None:
            raise CursorInvalid("recommendations are one page, they give no cursor")
        product = await self.get(product_id, 0, "", deadline)
        together = self._together.get(product_id, lambda: self._bought_together(product_id))
        ranked = await composed.optional("bought-together", _in_half(together, deadline), [])
        known = await self._index.get_many("products", ranked, deadline, fields=(*ITEM_FIELDS, "discontinued"))
        items = [_item(known[other]) for other in ranked if other in known and _to_be_had(known[other])][:limit]
        if not items:
            items = await self._of_category(product, limit, deadline)
        return {"items": items, "next_cursor": None, "total": len(items)}

    async def _bought_together(self, product_id: str) -> list[str]:
        sold = [{"term": {"product_ids": product_id}}, {"terms": {"status": list(_SOLD)}}]
        others = {"terms": {"field": "product_ids", "size": _TOGETHER, "exclude": [product_id]}}
        asked = {"query": {"bool": {"filter": sold}}, "size": 0, "aggs": {"others": others}}
        found = await self._index.search("orders", asked, Deadline.after(_TOGETHER_S))
        return [bucket["key"] for bucket in found["aggregations"]["others"]["buckets"]]

    async def _of_category(self, product: Json, limit: int, deadline: Deadline) -> list[Json]:
        search = ProductSearch(category=product["category"], in_stock=True, sort="name")
        found = await self._index.search("products", body(search, limit, None), deadline)
        items = [_item(hit["_source"]) for hit in found["hits"]["hits"]]
        return [item for item in items if item["product_id"] != product["product_id"]][:limit]


async def _in_half(part: Awaitable[T], deadline: Deadline) -> T:
    """An optional part has half of what is left, so that there is an answer without it. Raises DeadlineExceeded."""
    with deadline.at_most(deadline.remaining_s() / 2).limit():
        return await part


def _item(document: dict[str, Any]) -> Json:
    return {name: document[name] for name in ITEM_FIELDS}


def _to_be_had(document: Json) -> bool:
    return bool(document["available"] > 0 and not document["discontinued"])
