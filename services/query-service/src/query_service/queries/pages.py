"""A page of a list out of a search that asked for one hit more than the page holds."""

from collections.abc import Callable, Mapping
from typing import Any

from holdfast.contracts.cursors import encode_cursor

Json = dict[str, Any]


def page(found: Mapping[str, Any], limit: int, scope: Mapping[str, object], item: Callable[[Json], Json]) -> Json:
    """`{items, next_cursor, total}` of Elasticsearch's answer; the cursor holds the sort values of the last item."""
    hits = found["hits"]["hits"]
    shown = hits[:limit]
    return {
        "items": [item(hit["_source"]) for hit in shown],
        "next_cursor": encode_cursor(shown[-1]["sort"], scope) if len(hits) > limit else None,
        "total": found["hits"]["total"]["value"],
    }
