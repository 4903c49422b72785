"""FetchUserProfiles for an admin, and the caller's own profile."""

from typing import Final

from holdfast.contracts.cursors import CUSTOMERS, decode_cursor
from holdfast.resilience.deadline import Deadline
from query_service.adapters.elasticsearch import ReadIndex
from query_service.queries.by_time import TimeOrder
from query_service.queries.pages import Json, page
from query_service.search.words import best_of, exact, prefix, words
from query_service.waiting import ReadModelBehind, TokenWaits

_PROFILE: Final = ("customer_id", "name", "email", "address", "version")
_NEWEST_FIRST: Final = TimeOrder("customers", "registered_at", "customer_id")


class CustomerQueries:
    """Raises CursorInvalid, ReadModelBehind and what ReadIndex raises."""

    def __init__(self, index: ReadIndex, waits: TokenWaits) -> None:
        self._index = index
        self._waits = waits

    async def own(self, customer_id: str, at_least: int, deadline: Deadline) -> Json:
        """The caller's profile at version `at_least` or newer."""
        document = await self._waits.read(
            customer_id,
            lambda: self._index.get("customers", customer_id, deadline),
            lambda found: at_least == 0 or (found is not None and found["version"] >= at_least),
            what=f"customer-{customer_id}@{at_least}",
            deadline=deadline,
        )
        if document is None:  # whoever has a customer's token is registered: only the read model does not know it yet
            raise ReadModelBehind(f"customer-{customer_id}")
        return _profile(document)

    async def all(self, q: str | None, limit: int, cursor: str | None, deadline: Deadline) -> Json:
        """A page of all profiles, newest first; `q` finds by name, e-mail and id, every word by its beginning."""
        scope = {"list": "admin-customers", "q": q}
        conditions: list[Json] = []
        if q is not None:
            conditions += [best_of(exact("search", word, 1), prefix("search", word, 1)) for word in words(q)]
            conditions += [] if words(q) else [{"match_none": {}}]
        asked: Json = {
            "query": {"bool": {"filter": conditions}},
            "track_total_hits": True,
            "_source": list(_PROFILE),
        }
        after = None if cursor is None else decode_cursor(cursor, CUSTOMERS, scope)
        found = await _NEWEST_FIRST.search(self._index, asked, limit, after, deadline)
        return page(found, limit, scope, _profile)


def _profile(document: Json) -> Json:
    return {name: document.get(name) for name in _PROFILE}
