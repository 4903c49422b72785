"""ListAvailableProducts as an Elasticsearch search: what is found, in which order, with which facets. Pure."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, Final

from holdfast.contracts.cursors import (
    PRODUCTS_BY_AGE,
    PRODUCTS_BY_ID,
    PRODUCTS_BY_NAME,
    PRODUCTS_BY_PRICE,
    PRODUCTS_BY_RELEVANCE,
    Shape,
    SortValue,
)
from holdfast.contracts.query_parameters import Sort
from query_service.search.words import Query, best_of, exact, forgives_a_typo, fuzzy, other_number, prefix, words

# A name's worst match scores above a description's best, an exact word above its prefix above its misspelling.
_NAME_EXACT: Final = 32
_NAME_PREFIX: Final = 16
_NAME_FUZZY: Final = 8
_CATEGORY_EXACT: Final = 4
_DESCRIPTION_EXACT: Final = 4
_DESCRIPTION_PREFIX: Final = 2
_DESCRIPTION_FUZZY: Final = 1
_PHRASE: Final = 8  # the words side by side in this order
_CODE: Final = 8_192  # the product's code: above any number of words that 200 characters hold
_CODE_OTHER_CASE: Final = 4_096

_PRICE_STEPS: Final = (0, 100, 250, 500, 1_000, 2_500)
_CATEGORIES: Final = 1_000

ITEM_FIELDS: Final = ("product_id", "name", "category", "unit_amount", "currency", "available", "version")


@dataclass(frozen=True, slots=True)
class ProductSearch:
    """What the list is asked for. Amounts in pence, both inclusive; None: no such condition."""

    q: str | None = None
    category: str | None = None
    min_amount: int | None = None
    max_amount: int | None = None
    in_stock: bool = False
    sort: Sort = "relevance"

    def scope(self) -> dict[str, object]:
        """What a cursor of this list is bound to."""
        return {"list": "products", **asdict(self)}


def query(search: ProductSearch) -> Query:
    """The products found; a discontinued one never is."""
    conditions: list[Query] = [{"term": {"discontinued": False}}]
    if search.category is not None:
        conditions.append({"term": {"category": search.category}})
    amounts = {"gte": search.min_amount, "lte": search.max_amount}
    if limits := {name: amount for name, amount in amounts.items() if amount is not None}:
        conditions.append({"range": {"unit_amount": limits}})
    if search.in_stock:
        conditions.append({"range": {"available": {"gt": 0}}})
    if search.q is None:
        return {"bool": {"filter": conditions}}
    return {"bool": {"filter": conditions, "must": [_text(search.q)]}}


def sort(search: ProductSearch) -> tuple[list[dict[str, Any]], Shape]:
    """Elasticsearch's sort and the shape of its values; the product id makes the order total."""
    first: dict[str, Any]
    match search.sort:
        case "product_id":  # nothing that changes moves a product in this order
            return [{"product_id": "asc"}], PRODUCTS_BY_ID
        case "relevance" if search.q is not None:
            first, shape = {"_score": "desc"}, PRODUCTS_BY_RELEVANCE
        case "price":
            first, shape = {"unit_amount": "asc"}, PRODUCTS_BY_PRICE
        case "-price":
            first, shape = {"unit_amount": "desc"}, PRODUCTS_BY_PRICE
        case "newest":
            first, shape = (
                {"created_at": {"order": "desc", "format": "strict_date_optional_time_nanos"}},
                PRODUCTS_BY_AGE,
            )
        case _:  # by name; without words nothing is more relevant than anything else
            first, shape = {"name.sort": "asc"}, PRODUCTS_BY_NAME
    return [first, {"product_id": "asc"}], shape


def facets() -> dict[str, Any]:
    """Aggregations over the whole result, filters included: their counts add up to the total."""
    bounds = [*_PRICE_STEPS, None]
    ranges = [{"from": lower} | ({} if upper is None else {"to": upper}) for lower, upper in pairwise(bounds)]
    return {
        "category": {"terms": {"field": "category", "size": _CATEGORIES}},
        "price": {"range": {"field": "unit_amount", "ranges": ranges}},
    }


def facet_counts(aggregations: Mapping[str, Any]) -> dict[str, Any]:
    """API.md's facets. `from` and `to` are inclusive, as min_amount and max_amount are: a range's count is the total
    of the list asked for with them.
    """
    price = [_price_count(bucket) for bucket in aggregations["price"]["buckets"]]
    category = [
        {"value": bucket["key"], "count": bucket["doc_count"]} for bucket in aggregations["category"]["buckets"]
    ]
    return {"category": category, "price": price}


def _price_count(bucket: Mapping[str, Any]) -> dict[str, Any]:
    last = int(bucket["to"]) - 1 if "to" in bucket else None
    return {"from": int(bucket["from"]), "to": last, "count": bucket["doc_count"]}


def body(search: ProductSearch, limit: int, after: list[SortValue] | None) -> dict[str, Any]:
    """The whole search: one hit more than `limit`, which tells whether there is a next page."""
    order, _ = sort(search)
    asked: dict[str, Any] = {
        "query": query(search),
        "sort": order,
        "size": limit + 1,
        "track_total_hits": True,
        "_source": list(ITEM_FIELDS),
        "aggs": facets(),
    }
    return asked if after is None else {**asked, "search_after": after}


def _text(q: str) -> Query:
    found = words(q)
    code = q.strip()
    ways: list[Query] = [
        {"constant_score": {"filter": {"term": {"product_id": code}}, "boost": _CODE}},
        {"constant_score": {"filter": {"term": {"product_id.folded": code.lower()}}, "boost": _CODE_OTHER_CASE}},
    ]
    if found:
        all_words: dict[str, Any] = {"must": [_word(word) for word in found]}
        if len(found) > 1:
            phrase = {"match_phrase": {"name": {"query": q}}}
            all_words["should"] = [{"constant_score": {"filter": phrase, "boost": _PHRASE}}]
        ways.append({"bool": all_words})
    return {"bool": {"should": ways, "minimum_should_match": 1}}


def _word(word: str) -> Query:
    ways = [
        exact("name", word, _NAME_EXACT),
        prefix("name", word, _NAME_PREFIX),
        exact("category.words", word, _CATEGORY_EXACT),
        exact("description", word, _DESCRIPTION_EXACT),
        prefix("description", word, _DESCRIPTION_PREFIX),
    ]
    if (other := other_number(word)) is not None:
        ways += [exact("name", other, _NAME_PREFIX), exact("description", other, _DESCRIPTION_PREFIX)]
    if forgives_a_typo(word):
        ways += [fuzzy("name", word, _NAME_FUZZY), fuzzy("description", word, _DESCRIPTION_FUZZY)]
    return best_of(*ways)
