"""Catalogue reads through the gateway's cache: who is answered from it, with what marks, and who never is."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import pytest

from holdfast.testing.credentials import AsService

PATHS = ["/api/products?q=mug", "/api/products/A", "/api/products/A/recommendations"]


@pytest.mark.parametrize("path", PATHS)
async def test_a_fresh_answer_is_given_again_without_asking(shop: Any, path: str) -> None:
    shop.query.then(200, {"version": 1}, Served_From="read-model")
    first = await shop.call("GET", path)
    again = await shop.call("GET", path)
    assert first.headers["served-from"] == "read-model"
    assert (again.json(), again.headers["served-from"], again.headers["age"]) == ({"version": 1}, "cache", "0")
    assert "degraded" not in again.headers
    assert len(shop.query.received) == 1


async def test_a_stale_one_is_given_at_once_and_the_next_caller_has_the_new_one(shop: Any) -> None:
    shop.query.then(200, {"version": 1}, Age="20")
    await shop.call("GET", "/api/products/A")
    shop.query.then(200, {"version": 2})
    stale = await shop.call("GET", "/api/products/A")
    assert (stale.json(), stale.headers["served-from"], stale.headers["age"]) == ({"version": 1}, "cache", "20")
    await asyncio.sleep(0.1)
    assert (await shop.call("GET", "/api/products/A")).json() == {"version": 2}


async def test_an_answer_that_was_behind_is_given_again_only_when_there_is_no_other(shop: Any) -> None:
    shop.query.then(200, {"version": 1}, Degraded="projection-lag", Age="4")
    await shop.call("GET", "/api/products?q=mug")
    shop.query.then_problem(503, "dependency-unavailable")
    kept = await shop.call("GET", "/api/products?q=mug")
    assert (kept.json(), kept.headers["served-from"]) == ({"version": 1}, "cache")
    assert int(kept.headers["age"]) >= 4
    shop.query.then(200, {"version": 2})
    better = await shop.call("GET", "/api/products?q=mug")
    assert (better.json(), "degraded" in better.headers) == ({"version": 2}, False)


async def test_an_answer_behind_by_nobody_knows_how_much_is_not_kept(shop: Any) -> None:
    shop.query.then(200, {"version": 1}, Degraded="projection-lag")
    for _ in range(2):
        assert "age" not in (await shop.call("GET", "/api/products/A")).headers
    assert len(shop.query.received) == 2


async def test_a_token_with_a_products_version_is_asked_and_what_comes_is_kept(shop: Any, kit: Any) -> None:
    shop.query.then(200, {"version": 1})
    await shop.call("GET", "/api/products/A")
    shop.query.then(200, {"version": 2})
    token = {"Consistency-Token": "product-A@2"}
    assert (await shop.call("GET", "/api/products/A", "admin", headers=token)).json() == {"version": 2}
    assert shop.query.last.headers["consistency-token"] == "product-A@2"
    assert (await shop.call("GET", "/api/products/A")).json() == {"version": 2}
    cart = {"Consistency-Token": f"cart-{kit.GUEST_ID}@3"}
    assert (await shop.call("GET", "/api/products/A", "guest", headers=cart)).headers["served-from"] == "cache"
    assert len(shop.query.received) == 2


@pytest.mark.parametrize(
    ("header", "asked"),
    [("no-cache", True), ("max-age=0, No-Cache", True), ("max-age=60", False), ("xno-cache", False)],
)
async def test_a_caller_may_ask_for_an_answer_that_was_not_kept(shop: Any, header: str, asked: bool) -> None:
    for version in (1, 2):
        shop.query.then(200, {"version": version})
        await shop.call("GET", "/api/products/A", headers={"Cache-Control": header})
    assert len(shop.query.received) == (2 if asked else 1)
    assert (await shop.call("GET", "/api/products/A")).json() == {"version": 2 if asked else 1}


async def test_nothing_of_a_caller_is_sent_for_a_shared_answer(shop: Any) -> None:
    await shop.call("GET", "/api/products/A", "admin")
    assert "authorization" not in shop.query.last.headers


async def test_a_crowd_that_asks_the_same_at_once_asks_once(shop: Any, kit: Any) -> None:
    async def slowly(_request: Any) -> Any:
        await asyncio.sleep(0.1)
        return kit.answer({"version": 1})

    shop.query.then_do(slowly)
    answers = await asyncio.gather(*(shop.call("GET", "/api/products?q=mug", "guest") for _ in range(50)))
    assert {answer.status_code for answer in answers} == {200}
    assert len(shop.query.received) == 1


async def test_the_impatient_leave_the_others_their_answer(shop: Any, kit: Any) -> None:
    async def slowly(_request: Any) -> Any:
        await asyncio.sleep(0.15)
        return kit.answer({"version": 1})

    shop.query.then_do(slowly)
    hurried = asyncio.create_task(shop.call("GET", "/api/products?q=mug", headers={"X-Request-Timeout-Ms": "60"}))
    await asyncio.sleep(0.02)
    patient = await shop.call("GET", "/api/products?q=mug")
    assert (await hurried).status_code == 504
    assert (patient.status_code, len(shop.query.received)) == (200, 1)


async def test_a_failed_read_is_shared_and_not_kept(shop: Any) -> None:
    shop.query.then_problem(503, "dependency-unavailable")
    answers = await asyncio.gather(*(shop.call("GET", "/api/products?q=mug") for _ in range(5)))
    assert {answer.status_code for answer in answers} == {503}
    shop.query.then(200, {"version": 1})
    assert (await shop.call("GET", "/api/products?q=mug")).status_code == 200


async def test_nothing_of_a_callers_own_is_kept(shop: Any) -> None:
    for path in ("/api/cart", "/api/orders", "/api/admin/orders"):
        for _ in range(2):
            await shop.call("GET", path, "admin")
    assert len(shop.query.received) == 6


async def test_the_cache_is_warmed_with_the_first_page_and_its_products_once_they_can_be_read(
    stack: AsyncExitStack, kit: Any
) -> None:
    query = await kit.start_standin(stack)
    query.then_problem(503, "dependency-unavailable")
    shop = await kit.open_shop(stack, query_urls=query.url, warm_cache=True)
    assert (await shop.http.get("/healthz")).status_code == 200
    query.then(200, {"items": [{"product_id": "A"}, {"product_id": "B"}], "next_cursor": None})
    async with asyncio.timeout(10):
        while "/api/products/B" not in [request.path for request in query.received]:  # noqa: ASYNC110  # seen from the service's side
            await asyncio.sleep(0.02)
    await asyncio.sleep(0.05)
    await query.stop()
    await shop.command.stop()
    assert (await shop.call("GET", "/api/products")).headers["served-from"] == "cache"
    assert (await shop.call("GET", "/api/products/A")).headers["served-from"] == "cache"


async def test_warming_a_stack_that_is_still_starting_opens_no_breaker(stack: AsyncExitStack, kit: Any) -> None:
    query = await kit.start_standin(stack)
    query.then_problem(503, "dependency-unavailable")
    shop = await kit.open_shop(stack, query_urls=query.url, warm_cache=True)
    async with asyncio.timeout(15):
        while len(query.received) < 9:  # noqa: ASYNC110  # seen from the service's side
            await asyncio.sleep(0.05)
    (line,) = [
        one
        for one in (await shop.http.get("/status", auth=AsService("tools", "gateway"))).json()["dependencies"]
        if one["to"] == "query-service"
    ]
    assert (line["breaker"], line["error_rate"]) == ("closed", 0)


async def test_the_metrics_tell_how_reads_of_the_catalogue_were_answered(shop: Any) -> None:
    for _ in range(3):
        await shop.call("GET", "/api/products/A")
    text = (await shop.http.get("/metrics")).text
    assert 'gateway_catalogue_answers_total{how="fetched",route="get_product"} 1.0' in text
    assert 'gateway_catalogue_answers_total{how="fresh",route="get_product"} 2.0' in text
