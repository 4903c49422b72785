"""Searches that nobody waits for, so that an Elasticsearch just started has met every kind before a shopper asks."""

import asyncio
import time
from contextlib import suppress
from typing import Final

from elasticsearch import ApiError, AsyncElasticsearch, TransportError

from holdfast.contracts.documents import alias, index_pattern, watermarks_index
from holdfast.contracts.messages import TOPICS
from query_service.search.products import ProductSearch, body

# A cold server's first search takes several times a warm one's 10 to 20 ms, longer than a call may take.
_SEARCHES: Final = (ProductSearch(q="white metal lantrn"), ProductSearch(sort="newest"), ProductSearch(sort="name"))
_PATIENCE_S: Final = 5.0
_AT_MOST: Final = 20
_PAGE: Final = 20
_SHARDS_S: Final = 10.0
"""A server just started tells of its indices up to 3 s before it has opened the last of them. What is not there after
so long may stay away, and the rest is served without it.
"""


async def warm(client: AsyncElasticsearch, namespace: str, *, until_under_s: float) -> None:
    """Wait until what is searched is there, at most 10 s, then search until two rounds in a row take less than
    `until_under_s` each, at most 20 rounds or until one fails.
    """
    await _opened(client, namespace)
    fast = 0
    for _ in range(_AT_MOST):
        began_s = time.monotonic()
        try:
            async with asyncio.timeout(_PATIENCE_S):
                for search in _SEARCHES:
                    await client.options(request_timeout=_PATIENCE_S).search(
                        index=alias(namespace, "products"), body=body(search, _PAGE, None)
                    )
        except (TimeoutError, TransportError, ApiError):
            return
        fast = fast + 1 if time.monotonic() - began_s < until_under_s else 0
        if fast == 2:
            return


async def _opened(client: AsyncElasticsearch, namespace: str) -> None:
    # Patterns: an index that never was is not waited for.
    patterns = [f"{watermarks_index(namespace)}*", *(index_pattern(namespace, topic) for topic in TOPICS)]
    with suppress(ApiError, TransportError):
        await client.options(request_timeout=_SHARDS_S + 1).cluster.health(
            index=patterns, wait_for_status="yellow", timeout=f"{_SHARDS_S:.0f}s"
        )
