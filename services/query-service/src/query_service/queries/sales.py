"""GetSales: what was sold, by UTC day, and the best sellers."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from holdfast.contracts.fields import CURRENCY
from holdfast.contracts.messages import rfc3339
from holdfast.resilience.deadline import Deadline
from query_service.adapters.elasticsearch import ReadIndex
from query_service.queries.pages import Json

_SOLD: Final = ["paid", "shipped"]
_TOP: Final = 10


@dataclass(frozen=True, slots=True)
class Period:
    """UTC days by which orders were placed, both inclusive; None: no bound."""

    first: date | None
    last: date | None

    def condition(self) -> Json:
        bounds: Json = {}
        if self.first is not None:
            bounds["gte"] = rfc3339(datetime.combine(self.first, time(), UTC))
        if self.last is not None:
            bounds["lt"] = rfc3339(datetime.combine(self.last, time(), UTC) + timedelta(days=1))
        return {"range": {"placed_at": bounds}}


class SalesQueries:
    """Raises what ReadIndex raises."""

    def __init__(self, index: ReadIndex) -> None:
        self._index = index

    async def get(self, period: Period, deadline: Deadline) -> Json:
        """Orders paid or shipped by now, counted on the day they were placed; days without any are left out.

        Cancelled orders' money goes back, so they are not sales. The ten best sellers are those by revenue.
        """
        conditions = [{"terms": {"status": _SOLD}}, period.condition()]
        asked = {
            "query": {"bool": {"filter": conditions}},
            "size": 0,
            "track_total_hits": True,
            "aggs": {"revenue": _sum("total_amount"), "by_day": _by_day(), "lines": _lines()},
        }
        found = await self._index.search("orders", asked, deadline)
        sums = found["aggregations"]
        return {
            "orders": found["hits"]["total"]["value"],
            "revenue_amount": int(sums["revenue"]["value"]),
            "currency": CURRENCY,
            "by_day": [_day(bucket) for bucket in sums["by_day"]["buckets"]],
            "top_products": [_product(bucket) for bucket in sums["lines"]["top"]["buckets"]],
        }


def _sum(field: str) -> Json:
    return {"sum": {"field": field}}  # doubles: exact up to 2^53 pence


def _by_day() -> Json:
    days = {"field": "placed_at", "calendar_interval": "day", "format": "yyyy-MM-dd", "min_doc_count": 1}
    return {"date_histogram": days, "aggs": {"revenue": _sum("total_amount")}}


def _lines() -> Json:
    top = {
        "terms": {
            "field": "lines.product_id",
            "size": _TOP,
            "order": [{"revenue": "desc"}, {"quantity": "desc"}, {"_key": "asc"}],
        },
        "aggs": {
            "revenue": _sum("lines.line_amount"),
            "quantity": _sum("lines.quantity"),
            "name": {"terms": {"field": "lines.name", "size": 1}},  # the one it was sold under most often
        },
    }
    return {"nested": {"path": "lines"}, "aggs": {"top": top}}


def _day(bucket: dict[str, Any]) -> Json:
    return {
        "day": bucket["key_as_string"],
        "orders": bucket["doc_count"],
        "revenue_amount": int(bucket["revenue"]["value"]),
    }


def _product(bucket: dict[str, Any]) -> Json:
    return {
        "product_id": bucket["key"],
        "name": bucket["name"]["buckets"][0]["key"],
        "quantity": int(bucket["quantity"]["value"]),
        "revenue_amount": int(bucket["revenue"]["value"]),
    }
