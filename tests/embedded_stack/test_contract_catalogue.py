"""Finding products, as docs/API.md has it."""

from typing import Any
from urllib.parse import quote

import pytest

from contract import Client, eventually, everything, new_product

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

PRODUCT = {"product_id", "name", "category", "unit_amount", "currency", "available", "version"}


def _assert_is_a_product(item: dict[str, Any]) -> None:
    assert item.keys() == PRODUCT
    assert item["currency"] == "GBP"
    assert all(isinstance(item[name], int) for name in ("unit_amount", "available", "version"))
    assert item["unit_amount"] >= 1
    assert item["available"] >= 0
    assert item["version"] >= 1


async def test_the_list_has_its_fields_and_its_facets_add_up(somebody: Client) -> None:
    page = (await somebody.get("/api/products")).body
    assert page.keys() == {"items", "next_cursor", "total", "facets"}
    assert len(page["items"]) == 20
    assert page["total"] > 2000
    for item in page["items"]:
        _assert_is_a_product(item)
    facets = page["facets"]
    assert facets.keys() == {"category", "price"}
    assert all(each.keys() == {"value", "count"} for each in facets["category"])
    assert all(each.keys() == {"from", "to", "count"} for each in facets["price"])
    assert sum(each["count"] for each in facets["category"]) == page["total"]
    assert sum(each["count"] for each in facets["price"]) == page["total"]


async def test_each_facet_leads_to_as_many_products_as_it_says(somebody: Client) -> None:
    facets = (await somebody.get("/api/products?q=heart&limit=1")).body["facets"]
    for each in facets["category"][:3]:
        found = (await somebody.get(f"/api/products?q=heart&limit=1&category={quote(each['value'], safe='')}")).body
        assert found["total"] == each["count"]
    for each in facets["price"]:
        low = "" if each["from"] is None else f"&min_amount={each['from']}"
        high = "" if each["to"] is None else f"&max_amount={each['to']}"
        assert (await somebody.get(f"/api/products?q=heart&limit=1{low}{high}")).body["total"] == each["count"]


@pytest.mark.parametrize("sort", ["relevance", "price", "-price", "name", "newest"])
async def test_a_walk_by_cursor_neither_repeats_nor_skips(somebody: Client, sort: str) -> None:
    items, total = await everything(somebody, f"/api/products?q=christmas&sort={sort}", 50)
    ids = [item["product_id"] for item in items]
    assert len(ids) == len(set(ids)) == total > 100
    prices = [item["unit_amount"] for item in items]
    if sort in ("price", "-price"):
        assert prices == sorted(prices, reverse=sort == "-price")
    if sort == "name":
        names = [item["name"].lower() for item in items]
        assert names == sorted(names)


async def test_filters_hold(somebody: Client) -> None:
    path = "/api/products?min_amount=200&max_amount=300&in_stock=true&limit=100&sort=price"
    items = (await somebody.get(path)).body["items"]
    assert len(items) == 100
    assert all(200 <= item["unit_amount"] <= 300 and item["available"] > 0 for item in items)


async def test_words_prefixes_and_a_typo_find(somebody: Client) -> None:
    right = (await somebody.get("/api/products?q=lantern")).body
    assert right["total"] > 5
    assert all("LANTERN" in item["name"] for item in right["items"][:5])
    for written in ("lantrn", "LANTERN", "lanter"):
        found = (await somebody.get(f"/api/products?q={written}")).body
        assert "LANTERN" in found["items"][0]["name"]
        assert found["total"] >= 5
    both = (await somebody.get("/api/products?q=white%20lantern")).body["items"]
    assert {"WHITE", "LANTERN"} <= set(both[0]["name"].split())
    assert (await somebody.get("/api/products?q=zzzzqqqq")).body["total"] == 0


async def test_one_product_has_its_description(somebody: Client) -> None:
    product_id = await new_product(somebody, 7, 199, description="All of tin.")
    somebody.seen[f"product-{product_id}"] = 1
    expected = {
        "product_id": product_id, "name": "Test piece", "category": "Tests", "unit_amount": 199, "currency": "GBP",
        "available": 7, "version": 1, "description": "All of tin.",
    }  # fmt: skip

    async def shown() -> Any:
        reply = await somebody.call("GET", f"/api/products/{product_id}")
        return reply.body if reply.status == 200 else None

    assert await eventually(shown) == expected
    unlike = product_id.swapcase()
    assert await somebody.refused("GET", f"/api/products/{unlike}") == (404, "product-unknown")
    assert await somebody.refused("GET", "/api/products/no%20such") == (404, "product-unknown")


async def test_recommendations_are_products_others_bought_or_of_its_category(somebody: Client) -> None:
    product = (await somebody.get("/api/products?q=lantern&limit=1")).body["items"][0]
    page = (await somebody.get(f"/api/products/{product['product_id']}/recommendations?limit=5")).body
    assert page.keys() == {"items", "next_cursor", "total"}
    assert 1 <= len(page["items"]) <= 5
    for item in page["items"]:
        _assert_is_a_product(item)
        assert item["product_id"] != product["product_id"]
    missing = "/api/products/nothing-like-it/recommendations"
    assert await somebody.refused("GET", missing) == (404, "product-unknown")


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("limit=0", 422, "invalid"),
        ("limit=101", 422, "invalid"),
        ("limit=ten", 422, "invalid"),
        ("sort=best", 422, "invalid"),
        ("in_stock=maybe", 422, "invalid"),
        ("min_amount=-1", 422, "invalid"),
        ("colour=red", 422, "invalid"),
        ("q=a%00b", 422, "invalid"),
        ("cursor=made-up", 400, "cursor-invalid"),
    ],
)
async def test_a_wrong_parameter_is_refused(somebody: Client, query: str, status: int, code: str) -> None:
    assert await somebody.refused("GET", f"/api/products?{query}") == (status, code)


async def test_a_cursor_belongs_to_its_own_search(somebody: Client) -> None:
    page = (await somebody.get("/api/products?q=heart&limit=1")).body
    cursor = quote(page["next_cursor"], safe="")
    assert await somebody.refused("GET", f"/api/products?q=bag&cursor={cursor}") == (400, "cursor-invalid")
