"""GetCartSummary: a cart's lines with today's names and prices."""

from collections.abc import Mapping
from typing import Any, Final

from holdfast.contracts.carts import cart_line
from holdfast.contracts.fields import CURRENCY
from holdfast.resilience.deadline import Deadline
from query_service.adapters.elasticsearch import ReadIndex
from query_service.queries.pages import Json
from query_service.waiting import ReadModelBehind, TokenWaits

_PRODUCT_FIELDS: Final = ("name", "unit_amount", "available", "discontinued")


class CartQueries:
    """Raises ReadModelBehind and what ReadIndex raises."""

    def __init__(self, index: ReadIndex, waits: TokenWaits) -> None:
        self._index = index
        self._waits = waits

    async def get(self, cart_id: str, at_least: int, deadline: Deadline) -> Json:
        """The cart at version `at_least` or newer (0: as it is); one never used is empty, at version 0."""
        document = await self._waits.read(
            cart_id,
            lambda: self._index.get("carts", cart_id, deadline),
            lambda found: at_least == 0 or (found is not None and found["version"] >= at_least),
            what=f"cart-{cart_id}@{at_least}",
            deadline=deadline,
        )
        if document is None:
            return _cart(cart_id, [], 0)
        ids = [line["product_id"] for line in document["lines"]]
        products = await self._index.get_many("products", ids, deadline, fields=_PRODUCT_FIELDS)
        # Carts and products come by different topics, so a cart can be ahead of a product made just before it. There
        # is no honest price to show then, token or not: the gateway asks the write model.
        for product_id in ids:
            if product_id not in products:
                raise ReadModelBehind(f"product-{product_id}, which lies in cart-{cart_id}")
        lines = [_line(line, products[line["product_id"]]) for line in document["lines"]]
        return _cart(cart_id, lines, document["version"])


def _line(line: Json, product: Mapping[str, Any]) -> Json:
    return cart_line(
        line["product_id"],
        product["name"],
        line["quantity"],
        product["unit_amount"],
        product["available"],
        discontinued=product["discontinued"],
    )


def _cart(cart_id: str, lines: list[Json], version: int) -> Json:
    return {
        "cart_id": cart_id,
        "lines": lines,
        "total_amount": sum(line["line_amount"] for line in lines),
        "currency": CURRENCY,
        "version": version,
    }
