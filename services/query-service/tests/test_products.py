"""GET /api/products: filters, sorts, facets, cursors; one product; recommendations."""

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import httpx
import pytest

Json = dict[str, Any]
Make = Callable[..., Json]


async def listed(client: httpx.AsyncClient, **params: Any) -> Json:
    answer = await client.get("/api/products", params=params)
    assert answer.status_code == 200, answer.text
    body: Json = answer.json()
    return body


async def walked(client: httpx.AsyncClient, **params: Any) -> list[Json]:
    """Every item of a list, page by page."""
    items: list[Json] = []
    page = await listed(client, **params)
    while True:
        items += page["items"]
        if page["next_cursor"] is None:
            return items
        page = await listed(client, cursor=page["next_cursor"], **params)


@pytest.fixture
def category() -> str:
    return f"cat {uuid4().hex[:8]}"


async def test_a_listed_product_has_the_fields_of_the_api(
    shop: Any, client: httpx.AsyncClient, product: Make, category: str
) -> None:
    made = product("RED MUG", category=category, unit_amount=125, available=3, version=4)
    shop.write("products", made)
    page = await listed(client, category=category)
    assert page["items"] == [
        {
            "product_id": made["product_id"],
            "name": "RED MUG",
            "category": category,
            "unit_amount": 125,
            "currency": "GBP",
            "available": 3,
            "version": 4,
        }
    ]
    assert (page["total"], page["next_cursor"]) == (1, None)


async def test_discontinued_products_are_not_listed_and_stay_readable(
    shop: Any, client: httpx.AsyncClient, product: Make, category: str
) -> None:
    gone, here = product("GONE", category=category, discontinued=True), product("HERE", category=category)
    shop.write("products", gone, here)
    page = await listed(client, category=category)
    assert [item["name"] for item in page["items"]] == ["HERE"]
    assert page["facets"]["category"] == [{"value": category, "count": 1}]
    answer = await client.get(f"/api/products/{gone['product_id']}")
    assert answer.json()["discontinued"] is True
    assert "discontinued" not in (await client.get(f"/api/products/{here['product_id']}")).json()


async def test_pages_by_product_id_hold_each_product_once_whatever_changes_between_them(
    shop: Any, client: httpx.AsyncClient, product: Make, category: str
) -> None:
    made = [product(f"P{n}", category=category, unit_amount=100 + n) for n in range(7)]
    shop.write("products", *made)
    seen: list[str] = []
    page = await listed(client, category=category, sort="product_id", limit=3)
    for turn in range(1, 4):
        seen += [item["product_id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        changed = [{**one, "unit_amount": 1000 - one["unit_amount"], "name": f"Z{turn}"} for one in made]
        shop.write("products", *({**one, "version": 1 + turn} for one in changed))
        page = await listed(client, category=category, sort="product_id", limit=3, cursor=page["next_cursor"])
    assert seen == sorted(one["product_id"] for one in made)


async def test_price_and_stock_narrow_the_list_inclusively(
    shop: Any, client: httpx.AsyncClient, product: Make, category: str
) -> None:
    amounts = (99, 100, 249, 250)
    shop.write("products", *(product(f"P{a}", category=category, unit_amount=a, available=a % 2) for a in amounts))
    between = await listed(client, category=category, min_amount=100, max_amount=249, sort="price")
    assert [item["unit_amount"] for item in between["items"]] == [100, 249]
    in_stock = await listed(client, category=category, in_stock="true", sort="-price")
    assert [item["unit_amount"] for item in in_stock["items"]] == [249, 99]
    assert (await listed(client, category=category, min_amount=300))["total"] == 0


async def test_each_facet_counts_what_the_list_narrowed_by_it_holds(
    shop: Any, client: httpx.AsyncClient, product: Make
) -> None:
    word = uuid4().hex
    amounts = (1, 99, 100, 249, 250, 499, 500, 999, 1_000, 2_499, 2_500, 900_000)
    shop.write(
        "products",
        *(product(f"{word} {a}", category=f"{word[:6]}{a % 3}", unit_amount=a) for a in amounts),
        product(f"{word} gone", discontinued=True),
    )
    page = await listed(client, q=word, limit=3)
    assert page["total"] == len(amounts)
    for facet in ("category", "price"):
        assert sum(count["count"] for count in page["facets"][facet]) == page["total"]
    for count in page["facets"]["category"]:
        assert (await listed(client, q=word, category=count["value"]))["total"] == count["count"]
    for count in page["facets"]["price"]:
        bounds = {"min_amount": count["from"]} | ({} if count["to"] is None else {"max_amount": count["to"]})
        assert (await listed(client, q=word, **bounds))["total"] == count["count"]


async def test_the_sorts_order_by_price_name_and_age(
    shop: Any, client: httpx.AsyncClient, product: Make, category: str
) -> None:
    shop.write(
        "products",
        product("b", category=category, unit_amount=3, created_at="2026-01-01T00:00:00.000001Z"),
        product("A", category=category, unit_amount=2, created_at="2026-01-01T00:00:00.000003Z"),
        product("c", category=category, unit_amount=1, created_at="2026-01-01T00:00:00.000002Z"),
    )
    expected = {"price": "cAb", "-price": "bAc", "name": "Abc", "newest": "Acb", "relevance": "Abc"}
    for sort, names in expected.items():
        items = await walked(client, category=category, sort=sort, limit=1)
        assert "".join(item["name"] for item in items) == names, sort


@pytest.mark.parametrize("sort", ["relevance", "price", "-price", "name", "newest"])
async def test_pages_neither_repeat_nor_skip_while_stock_changes(
    shop: Any, client: httpx.AsyncClient, product: Make, sort: str
) -> None:
    word = uuid4().hex[:8]
    # Many equal sort values, so that the order hangs on the tie-break.
    made = [
        product(f"{word} {'lamp' if n % 3 else 'shade'} {n % 5}", description="lamp", unit_amount=100 + n % 4)
        for n in range(60)
    ]
    for document in made:
        document["created_at"] = f"2026-01-0{1 + document['unit_amount'] % 3}T00:00:00.000000Z"
    shop.write("products", *made)
    stop = asyncio.Event()

    async def sell() -> None:
        turn = 0
        while not stop.is_set():
            turn += 1
            changed = [{**document, "available": turn, "version": 1 + turn} for document in made[turn % 2 :: 2]]
            await asyncio.to_thread(shop.write, "products", *changed)

    selling = asyncio.create_task(sell())
    try:
        items = await walked(client, q=f"{word} lamp", sort=sort, limit=7)
    finally:
        stop.set()
        await selling
    ids = [item["product_id"] for item in items]
    assert len(ids) == len(set(ids))
    assert set(ids) == {document["product_id"] for document in made}


async def test_a_cursor_used_with_other_parameters_is_refused(
    shop: Any, client: httpx.AsyncClient, product: Make, category: str
) -> None:
    shop.write("products", *(product(f"P{n}", category=category) for n in range(3)))
    cursor = (await listed(client, category=category, limit=2))["next_cursor"]
    assert len((await listed(client, category=category, limit=50, cursor=cursor))["items"]) == 1
    for other in ({}, {"category": category, "sort": "price"}, {"category": category, "in_stock": "true"}):
        answer = await client.get("/api/products", params={**other, "cursor": cursor})
        assert (answer.status_code, answer.json()["code"]) == (400, "cursor-invalid")


async def test_an_unknown_product_and_an_impossible_id_are_404(client: httpx.AsyncClient) -> None:
    for product_id in ("nothing", "a%20b", "x" * 41, "%00", "..%2f_search"):
        for path in (f"/api/products/{product_id}", f"/api/products/{product_id}/recommendations"):
            answer = await client.get(path)
            assert answer.status_code == 404, path
    assert (await client.get("/api/products/nothing")).json()["code"] == "product-unknown"


async def test_a_product_shows_its_description(shop: Any, client: httpx.AsyncClient, product: Make) -> None:
    made = product("MUG", description="holds tea")
    shop.write("products", made)
    answer = await client.get(f"/api/products/{made['product_id']}")
    assert answer.json() == {
        name: made[name]
        for name in (
            "product_id", "name", "category", "unit_amount", "currency", "available", "version", "description"
        )
    }  # fmt: skip
    assert answer.headers["Served-From"] == "read-model"


async def test_product_codes_that_differ_in_case_are_two_products(
    shop: Any, client: httpx.AsyncClient, product: Make
) -> None:
    code = f"9{uuid4().hex[:6]}b"
    lower = product("LOWER", product_id=code)
    upper = product("UPPER", product_id=code.upper())
    shop.write("products", lower, upper)
    assert (await client.get(f"/api/products/{code}")).json()["name"] == "LOWER"
    assert (await client.get(f"/api/products/{code.upper()}")).json()["name"] == "UPPER"
    assert [item["name"] for item in (await listed(client, q=code.upper()))["items"]] == ["UPPER", "LOWER"]


@pytest.fixture
def bought(shop: Any, product: Make, order: Make, category: str) -> dict[str, Json]:
    made = {name: product(name, category=category) for name in ("mug", "tea", "spoon", "rare", "sold-out", "gone")}
    made["sold-out"]["available"] = 0
    made["gone"]["discontinued"] = True
    shop.write("products", *made.values())

    def bought_with(*names: str, **fields: Any) -> Json:
        return order(str(uuid4()), [(made[name]["product_id"], name, 1, 100) for name in names], **fields)

    shop.write(
        "orders",
        bought_with("mug", "tea", "sold-out", "gone"),
        bought_with("mug", "tea"),
        bought_with("mug", "tea", "spoon"),
        bought_with("spoon", "rare"),
        bought_with("mug", "rare", status="payment_declined"),
    )
    return made


async def test_recommended_is_what_is_bought_together_and_to_be_had(
    client: httpx.AsyncClient, bought: dict[str, Json]
) -> None:
    answer = await client.get(f"/api/products/{bought['mug']['product_id']}/recommendations")
    page = answer.json()
    assert [item["name"] for item in page["items"]] == ["tea", "spoon"]
    assert (page["total"], page["next_cursor"]) == (2, None)


async def test_without_common_orders_the_category_is_recommended(
    client: httpx.AsyncClient, shop: Any, product: Make, bought: dict[str, Json], category: str
) -> None:
    lonely = product("lonely", category=category)
    shop.write("products", lonely)
    answer = await client.get(f"/api/products/{lonely['product_id']}/recommendations", params={"limit": 3})
    assert [item["name"] for item in answer.json()["items"]] == ["mug", "rare", "spoon"]


async def test_without_the_orders_index_the_category_is_recommended_and_the_missing_part_told(
    client: httpx.AsyncClient, shop: Any, bought: dict[str, Json]
) -> None:
    path = f"/api/products/{bought['spoon']['product_id']}/recommendations"
    with shop.without("orders"):
        answer = await client.get(path, params={"limit": 2})
    assert answer.status_code == 200
    assert [item["name"] for item in answer.json()["items"]] == ["mug", "rare"]
    assert answer.headers["degraded"] == "part-missing"
    whole = await client.get(path)
    assert "mug" in [item["name"] for item in whole.json()["items"]]
    assert whole.headers.get("degraded") != "part-missing"


async def test_recommendations_show_stock_as_it_is_though_the_ranking_is_kept(
    client: httpx.AsyncClient, shop: Any, bought: dict[str, Json]
) -> None:
    path = f"/api/products/{bought['mug']['product_id']}/recommendations"
    assert [item["name"] for item in (await client.get(path)).json()["items"]] == ["tea", "spoon"]
    shop.write("products", {**bought["tea"], "available": 0, "version": 2}, refresh=False)
    assert [item["name"] for item in (await client.get(path)).json()["items"]] == ["spoon"]


async def test_recommendations_give_no_cursor_and_take_none(client: httpx.AsyncClient, bought: dict[str, Json]) -> None:
    path = f"/api/products/{bought['mug']['product_id']}/recommendations"
    answer = await client.get(path, params={"cursor": "abc"})
    assert (answer.status_code, answer.json()["code"]) == (400, "cursor-invalid")
