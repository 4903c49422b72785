"""The read model's index definitions on a real Elasticsearch, and the names of indices."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from elasticsearch import AsyncElasticsearch, BadRequestError

from holdfast.contracts import documents
from holdfast.contracts.documents import OrderDocument, OrderLineDocument, ProductDocument
from holdfast.contracts.messages import TOPICS, Topic

pytestmark = pytest.mark.stores


@pytest.fixture
async def elasticsearch(namespace: str, elasticsearch_url: str) -> AsyncIterator[AsyncElasticsearch]:
    """With every index of the namespace."""
    async with AsyncElasticsearch(elasticsearch_url, max_retries=3, retry_on_status=[503]) as client:
        for topic in TOPICS:
            await client.indices.create(
                index=documents.index_name(namespace, topic, "0"),
                aliases={documents.alias(namespace, topic): {}},
                **documents.index_definition(topic),
            )
        await client.indices.create(index=documents.watermarks_index(namespace), **documents.watermarks_definition())
        await client.indices.create(index=documents.parked_index(namespace), **documents.parked_definition())
        yield client


def test_names() -> None:
    assert documents.alias("x-", "orders") == "x-orders"
    assert documents.index_name("x-", "orders", "17") == f"x-orders-{documents.PROJECTION_VERSION['orders']}-17"
    assert documents.projection_version("x-orders-12-17") == 12
    assert documents.index_pattern("x-", "orders") == "x-orders-*-*"
    assert documents.document_id("order-0194-f1") == "0194-f1"


async def test_the_largest_order_fits_and_is_found(elasticsearch: AsyncElasticsearch, namespace: str) -> None:
    await put(elasticsearch, namespace, "orders", "o1", order(2_000))
    for words in ("o1", "lantern 1999", "ann smi", "leeds", "p7", "royal-42"):
        assert await found(elasticsearch, namespace, "orders", words) == ["o1"]
    assert await found(elasticsearch, namespace, "orders", "nobody") == []
    answer = await elasticsearch.search(
        index=documents.alias(namespace, "orders"),
        size=0,
        aggs={"lines": {"nested": {"path": "lines"}, "aggs": {"sum": {"sum": {"field": "lines.line_amount"}}}}},
    )
    assert answer["aggregations"]["lines"]["sum"]["value"] == 2_000 * 6


async def test_an_orders_sort_value_keeps_its_microseconds(elasticsearch: AsyncElasticsearch, namespace: str) -> None:
    await put(elasticsearch, namespace, "orders", "o1", order(1))
    answer = await elasticsearch.search(
        index=documents.alias(namespace, "orders"),
        sort=[{"placed_at": {"order": "desc", "format": "strict_date_optional_time_nanos"}}],
    )
    assert answer["hits"]["hits"][0]["sort"] == ["2010-12-01T08:26:00.123456Z"]


async def test_product_codes_are_exact_and_names_sort_without_case(
    elasticsearch: AsyncElasticsearch, namespace: str
) -> None:
    for code, name in (("15056BL", "umbrella"), ("15056bl", "Apron"), ("9", "ZEBRA")):
        await put(elasticsearch, namespace, "products", code, product(code, name))
    alias = documents.alias(namespace, "products")
    exact = await elasticsearch.search(index=alias, query={"term": {"product_id": "15056bl"}})
    assert [hit["_id"] for hit in exact["hits"]["hits"]] == ["15056bl"]
    folded = await elasticsearch.search(index=alias, query={"term": {"product_id.folded": "15056BL"}})
    assert folded["hits"]["total"]["value"] == 2
    by_name = await elasticsearch.search(index=alias, sort=["name.sort"])
    assert [hit["_id"] for hit in by_name["hits"]["hits"]] == ["15056bl", "15056BL", "9"]


async def test_scores_do_not_depend_on_other_documents(elasticsearch: AsyncElasticsearch, namespace: str) -> None:
    alias = documents.alias(namespace, "products")
    query: dict[str, Any] = {"match": {"name": "lantern"}}
    await put(elasticsearch, namespace, "products", "A", product("A", "RED LANTERN"))
    before = (await elasticsearch.search(index=alias, query=query))["hits"]["max_score"]
    for code in "BCDEFG":
        await put(elasticsearch, namespace, "products", code, product(code, "LANTERN LANTERN LANTERN"))
    scores = [hit["_score"] for hit in (await elasticsearch.search(index=alias, query=query))["hits"]["hits"]]
    assert scores == [before] * 7


@pytest.mark.parametrize("topic", TOPICS)
async def test_mappings_are_strict(elasticsearch: AsyncElasticsearch, namespace: str, topic: Topic) -> None:
    with pytest.raises(BadRequestError, match="strict_dynamic_mapping_exception"):
        await elasticsearch.index(index=documents.index_name(namespace, topic, "0"), document={"surprise": 1})


async def test_settings_are_explicit(elasticsearch: AsyncElasticsearch, namespace: str) -> None:
    for name in (documents.index_name(namespace, "orders", "0"), documents.watermarks_index(namespace)):
        answer = await elasticsearch.indices.get_settings(index=name)
        settings = answer[name]["settings"]["index"]
        chosen = {key: settings[key] for key in ("number_of_shards", "number_of_replicas", "refresh_interval")}
        assert chosen == {"number_of_shards": "1", "number_of_replicas": "0", "refresh_interval": "1s"}


async def put(elasticsearch: AsyncElasticsearch, namespace: str, topic: Topic, key: str, document: Any) -> None:
    await elasticsearch.index(
        index=documents.index_name(namespace, topic, "0"), id=key, document=document, refresh=True
    )


async def found(elasticsearch: AsyncElasticsearch, namespace: str, topic: Topic, words: str) -> list[str]:
    answer = await elasticsearch.search(
        index=documents.alias(namespace, topic),
        query={"match_bool_prefix": {"search": {"query": words, "operator": "and"}}},
        source=False,
    )
    return [hit["_id"] for hit in answer["hits"]["hits"]]


def product(code: str, name: str) -> ProductDocument:
    return ProductDocument(
        product_id=code,
        name=name,
        description="",
        category="lights",
        unit_amount=295,
        currency="GBP",
        available=20,
        discontinued=False,
        created_at="2010-12-01T08:26:00.123456Z",
        version=1,
    )


def order(lines: int) -> OrderDocument:
    return OrderDocument(
        order_id="o1",
        customer_id="c1",
        status="paid",
        lines=[
            OrderLineDocument(
                product_id=f"P{n}", name=f"LANTERN {n} {'x' * 80}", quantity=2, unit_amount=3, line_amount=6
            )
            for n in range(lines)
        ],
        product_ids=[f"P{n}" for n in range(max(lines, 8))],
        total_amount=lines * 6,
        currency="GBP",
        shipping_address={
            "name": "Ann Smith",
            "line1": "1 Road",
            "line2": None,
            "city": "Leeds",
            "postcode": "LS1",
            "country": "GB",
        },
        refund=None,
        placed_at="2010-12-01T08:26:00.123456Z",
        paid_at="2010-12-01T08:26:01Z",
        shipped_at=None,
        cancelled_at=None,
        carrier="Royal Mail",
        tracking="ROYAL-42",
        cancel_reason=None,
        decline_reason="x" * 40_000,
        version=2,
    )
