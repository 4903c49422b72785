"""The read model: what documents look like, how their indices are defined, and what they are called.

Money is integer pence, times are RFC 3339 UTC with microseconds. A document's `_id` is the aggregate's id (the stream
id without its kind prefix), its external version and its field `version` are the stream's version.
"""

from collections.abc import Mapping
from typing import Any, Final, Literal, TypedDict

from holdfast.contracts.messages import AddressData, CartLine, Topic

PROJECTION_VERSION: Final[Mapping[Topic, int]] = {"carts": 1, "orders": 1, "products": 1, "customers": 1}
"""Raised when a document's shape, mapping or fold changes: the projector then rebuilds by itself (CORRECTNESS 18)."""

OrderStatus = Literal["awaiting_payment", "paid", "payment_declined", "shipped", "cancelled"]


class ProductDocument(TypedDict):
    """Topic products. `discontinued` ones stay readable by id and are not listed."""

    product_id: str
    name: str
    description: str
    category: str
    unit_amount: int
    currency: str
    available: int
    discontinued: bool
    created_at: str
    version: int


class CartDocument(TypedDict):
    """Topic carts. Lines in the order in which they were first added; names and prices are joined by the reader."""

    cart_id: str
    lines: list[CartLine]
    version: int


class OrderLineDocument(TypedDict):
    product_id: str
    name: str
    quantity: int
    unit_amount: int
    line_amount: int


class OrderDocument(TypedDict):
    """Topic orders. `refund` is None as long as nothing captured has to be given back."""

    order_id: str
    customer_id: str
    status: OrderStatus
    lines: list[OrderLineDocument]
    product_ids: list[str]
    total_amount: int
    currency: str
    shipping_address: AddressData | None
    refund: Literal["pending", "done"] | None
    placed_at: str
    paid_at: str | None
    shipped_at: str | None
    cancelled_at: str | None
    carrier: str | None
    tracking: str | None
    cancel_reason: str | None
    decline_reason: str | None
    version: int


class CustomerDocument(TypedDict):
    """Topic customers. The e-mail as typed."""

    customer_id: str
    name: str
    email: str
    role: str
    address: AddressData | None
    registered_at: str
    version: int


Document = ProductDocument | CartDocument | OrderDocument | CustomerDocument


class WatermarkDocument(TypedDict):
    """`_id` is `<index>:<partition>`: everything recorded before drained_at on the partition is in the index."""

    index: str
    partition: int
    drained_at: str


class ParkedDocument(TypedDict):
    """`_id` is `<index>:<stream_id>`: `version` could not be applied, `latest` is the highest version seen since."""

    index: str
    stream_id: str
    version: int
    latest: int
    reason: str
    parked_at: str


def alias(namespace: str, topic: Topic) -> str:
    """The name that readers use: `<NAMESPACE><topic>`. Nobody writes through it (CORRECTNESS 18)."""
    return f"{namespace}{topic}"


def index_name(namespace: str, topic: Topic, suffix: str) -> str:
    """An index of the present projection version; `suffix` is "0" for the first and a time for a rebuilt one."""
    return f"{alias(namespace, topic)}-{PROJECTION_VERSION[topic]}-{suffix}"


def index_pattern(namespace: str, topic: Topic) -> str:
    """Matches every index of the topic, whatever its projection version."""
    return f"{alias(namespace, topic)}-*-*"


def projection_version(index: str) -> int:
    """The projection version in an index's name."""
    return int(index.rsplit("-", 2)[1])


def watermarks_index(namespace: str) -> str:
    return f"{namespace}watermarks"


def parked_index(namespace: str) -> str:
    return f"{namespace}parked"


def document_id(stream_id: str) -> str:
    """`order-0190…` → `0190…`"""
    return stream_id.partition("-")[2]


# Index definitions. Only what Elasticsearch's core server has without any module, so that one definition serves
# everywhere: standard tokenizer and lowercase, no stemmer, no asciifolding.

_KEYWORD: Final = {"type": "keyword"}
_STORED: Final = {"type": "keyword", "index": False, "doc_values": False}
_FOLDED: Final = {"type": "keyword", "normalizer": "folded"}
_LONG: Final = {"type": "long"}
_TIME: Final = {"type": "date_nanos"}  # microseconds take part in the order's cursor, `date` would cut them off
_OPAQUE: Final = {"type": "object", "enabled": False}
_SHARDS: Final = {"number_of_shards": 1, "number_of_replicas": 0, "refresh_interval": "1s"}
_ANALYSIS: Final = {
    "normalizer": {"folded": {"type": "custom", "filter": ["lowercase"]}},
    "analyzer": {"words": {"type": "custom", "tokenizer": "standard", "filter": ["lowercase"]}},
}


def _words(*, prefixes: bool, **more: Any) -> dict[str, Any]:
    """A searched field; its score ignores other documents, so a cursor holds while they change (CORRECTNESS 23)."""
    field: dict[str, Any] = {"type": "text", "analyzer": "words", "similarity": "boolean", **more}
    if prefixes:
        field["index_prefixes"] = {"min_chars": 1, "max_chars": 12}
    return field


def _searchable(field: Mapping[str, Any]) -> dict[str, Any]:
    return {**field, "copy_to": "search"}


_FIELDS: Final[Mapping[Topic, Mapping[str, Any]]] = {
    "products": {
        "product_id": {**_KEYWORD, "fields": {"folded": _FOLDED}},
        "name": _words(prefixes=True, fields={"sort": _FOLDED}),
        "description": _words(prefixes=False),
        "category": {**_KEYWORD, "fields": {"words": _words(prefixes=False)}},
        "unit_amount": _LONG,
        "currency": _KEYWORD,
        "available": _LONG,
        "discontinued": {"type": "boolean"},
        "created_at": _TIME,
    },
    "carts": {"cart_id": _KEYWORD, "lines": _OPAQUE},
    "orders": {
        "order_id": _searchable(_KEYWORD),
        "customer_id": _searchable(_KEYWORD),
        "status": _KEYWORD,
        "lines": {
            "type": "nested",
            "dynamic": "strict",
            "properties": {
                "product_id": _KEYWORD,
                "name": _searchable(_KEYWORD),
                "quantity": _LONG,
                "unit_amount": _LONG,
                "line_amount": _LONG,
            },
        },
        "product_ids": _searchable(_KEYWORD),
        "total_amount": _LONG,
        "currency": _KEYWORD,
        "shipping_address": {
            "dynamic": "strict",
            "properties": {
                **{part: _searchable(_STORED) for part in ("name", "line1", "line2", "city", "postcode")},
                "country": _STORED,
            },
        },
        "refund": _KEYWORD,
        **dict.fromkeys(("placed_at", "paid_at", "shipped_at", "cancelled_at"), _TIME),
        "carrier": _KEYWORD,
        "tracking": _searchable(_KEYWORD),
        "cancel_reason": _STORED,
        "decline_reason": _STORED,
        "search": _words(prefixes=True),
    },
    "customers": {
        "customer_id": _searchable(_KEYWORD),
        "name": _words(prefixes=True, fields={"sort": _FOLDED}, copy_to="search"),
        "email": {**_KEYWORD, "fields": {"folded": _FOLDED}, "copy_to": "search"},
        "role": _KEYWORD,
        "address": _OPAQUE,
        "registered_at": _TIME,
        "search": _words(prefixes=True),
    },
}


def index_definition(topic: Topic) -> dict[str, Any]:
    """Settings and strict mappings of a topic's indices; orders and customers have `search`, a copy of other fields."""
    return {
        "settings": {"index": {**_SHARDS, "analysis": _ANALYSIS}},
        "mappings": {"dynamic": "strict", "properties": {**_FIELDS[topic], "version": _LONG}},
    }


def watermarks_definition() -> dict[str, Any]:
    return _plain({"index": _KEYWORD, "partition": {"type": "integer"}, "drained_at": _TIME})


def parked_definition() -> dict[str, Any]:
    return _plain(
        {
            "index": _KEYWORD,
            "stream_id": _KEYWORD,
            "version": _LONG,
            "latest": _LONG,
            "reason": _STORED,
            "parked_at": _TIME,
        }
    )


def _plain(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"settings": {"index": _SHARDS}, "mappings": {"dynamic": "strict", "properties": properties}}
