"""The degradation matrix of ARCHITECTURE.md, seen from outside: who answers when the one that should cannot."""

import asyncio
import time
from contextlib import AsyncExitStack
from typing import Any

import pytest

from gateway.lanes import LANES
from gateway.routing import Lane

CART = {"cart_id": "c", "lines": [], "total_amount": 0, "currency": "GBP", "version": 0}
CALLERS_READS = ["/api/cart", "/api/orders", "/api/orders/{order}", "/api/profile", "/api/products/A"]


@pytest.mark.parametrize("path", CALLERS_READS)
async def test_without_read_model_the_write_model_answers(shop: Any, kit: Any, path: str) -> None:
    await shop.query.stop()
    shop.command.then(200, CART, Served_From="write-model")
    answer = await shop.call("GET", path.format(order=kit.ORDER_ID), "customer")
    assert (answer.status_code, answer.json()) == (200, CART)
    assert answer.headers.get_list("served-from") == ["write-model"]
    assert answer.headers["degraded"] == "read-model-unavailable"


@pytest.mark.parametrize(
    ("status", "headers"), [(503, {}), (503, {"Retry_After": "1"}), (504, {}), (500, {}), (502, {})]
)
async def test_a_failing_query_service_is_as_good_as_none(shop: Any, status: int, headers: dict[str, str]) -> None:
    shop.query.then_problem(status, "dependency-unavailable", **headers)
    shop.command.then(200, CART)
    answer = await shop.call("GET", "/api/cart", "guest")
    assert (answer.status_code, answer.headers["served-from"]) == (200, "write-model")


async def test_a_hanging_query_service_leaves_time_for_the_write_model(shop: Any) -> None:
    shop.query.then_hang()
    shop.command.then(200, CART)
    began = time.monotonic()
    answer = await shop.call("GET", "/api/cart", "guest")
    assert (answer.status_code, answer.headers["degraded"]) == (200, "read-model-unavailable")
    assert time.monotonic() - began < 0.8


async def test_a_hanging_wait_for_a_token_leaves_time_for_the_write_model(shop: Any, kit: Any) -> None:
    shop.query.then_hang()
    shop.command.then(200, CART)
    headers = {"Consistency-Token": f"cart-{kit.GUEST_ID}@4"}
    answer = await shop.call("GET", "/api/cart", "guest", headers=headers)
    assert (answer.status_code, answer.headers["served-from"]) == (200, "write-model")


async def test_a_read_that_is_behind_its_token_comes_from_the_write_model(shop: Any, kit: Any) -> None:
    shop.query.then_problem(425, "read-model-behind")
    shop.command.then(200, CART, Served_From="write-model")
    token = f"cart-{kit.GUEST_ID}@4"
    answer = await shop.call("GET", "/api/cart", "guest", headers={"Consistency-Token": token})
    assert (answer.status_code, answer.headers["served-from"]) == (200, "write-model")
    assert "degraded" not in answer.headers
    assert shop.query.last.headers["consistency-token"] == token
    assert shop.command.last.headers["consistency-token"] == token


async def test_behind_and_without_write_model_the_read_model_answers_as_it_is(shop: Any, kit: Any) -> None:
    async def behind_its_token(request: Any) -> Any:
        if "consistency-token" in request.headers:
            return kit.problem(425, "read-model-behind")
        return kit.answer(CART, {"Served-From": "read-model"})

    shop.query.then_do(behind_its_token)
    await shop.command.stop()
    answer = await shop.call("GET", "/api/cart", "guest", headers={"Consistency-Token": f"cart-{kit.GUEST_ID}@4"})
    assert (answer.status_code, answer.json()) == (200, CART)
    assert answer.headers["served-from"] == "read-model"
    assert answer.headers["degraded"] == "projection-lag"


async def test_a_query_service_that_is_behind_without_a_token_is_no_answer(shop: Any, kit: Any) -> None:
    shop.query.then_problem(425, "read-model-behind")
    await shop.command.stop()
    answer = await shop.call("GET", "/api/cart", "guest", headers={"Consistency-Token": f"cart-{kit.GUEST_ID}@4"})
    assert (answer.status_code, answer.json()["code"]) == (503, "dependency-unavailable")


async def test_with_both_away_a_cart_is_503(shop: Any) -> None:
    await shop.query.stop()
    await shop.command.stop()
    answer = await shop.call("GET", "/api/cart", "guest")
    _assert_unavailable(answer)


@pytest.mark.parametrize("path", ["/api/products?q=mug", "/api/products/A", "/api/products/A/recommendations"])
async def test_without_any_service_the_catalogue_is_the_last_good_one(shop: Any, path: str) -> None:
    shop.query.then(200, {"items": ["mug"]}, Served_From="read-model", Degraded="projection-lag", Age="60")
    await shop.call("GET", path)
    await shop.query.stop()
    await shop.command.stop()
    answer = await shop.call("GET", path)
    assert (answer.status_code, answer.json()) == (200, {"items": ["mug"]})
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["served-from"] == "cache"
    assert answer.headers["degraded"] == "read-model-unavailable"
    assert int(answer.headers["age"]) >= 60


async def test_one_product_is_rather_fresh_from_the_write_model_than_stale(shop: Any) -> None:
    shop.query.then(200, {"from": "read model"}, Degraded="projection-lag", Age="60")
    await shop.call("GET", "/api/products/A")
    await shop.query.stop()
    shop.command.then(200, {"from": "write model"})
    assert (await shop.call("GET", "/api/products/A")).json() == {"from": "write model"}


async def test_the_order_of_parameters_does_not_matter_to_the_cache(shop: Any) -> None:
    shop.query.then(200, {"items": []})
    await shop.call("GET", "/api/products?q=mug&limit=5")
    await shop.query.stop()
    assert (await shop.call("GET", "/api/products?limit=5&q=mug")).status_code == 200
    _assert_unavailable(await shop.call("GET", "/api/products?limit=6&q=mug"))


async def test_a_refusal_is_not_kept_as_a_good_answer(shop: Any) -> None:
    shop.query.then_problem(404, "product-unknown")
    await shop.call("GET", "/api/products/A/recommendations")
    await shop.query.stop()
    _assert_unavailable(await shop.call("GET", "/api/products/A/recommendations"))


async def test_a_callers_cart_is_never_kept(shop: Any) -> None:
    shop.query.then(200, CART)
    await shop.call("GET", "/api/cart", "guest")
    await shop.query.stop()
    await shop.command.stop()
    _assert_unavailable(await shop.call("GET", "/api/cart", "guest"))


@pytest.mark.parametrize("path", ["/api/admin/orders", "/api/admin/customers", "/api/admin/sales"])
async def test_admin_lists_without_read_model_are_503(shop: Any, path: str) -> None:
    await shop.query.stop()
    _assert_unavailable(await shop.call("GET", path, "admin"))
    assert shop.command.received == []


@pytest.mark.parametrize("status", [500, 502, 503, 504, 302, 101])
async def test_an_inner_failure_is_never_a_500(shop: Any, status: int) -> None:
    shop.command.then(status, b"<html>oops</html>")
    answer = await shop.call("DELETE", "/api/cart", "guest")
    assert answer.status_code == (504 if status == 504 else 503)
    assert 1 <= int(answer.headers["retry-after"]) <= 5
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


async def test_an_inner_refusal_to_take_more_keeps_its_code(shop: Any) -> None:
    shop.command.then_problem(503, "bulkhead-full", Retry_After="40")
    answer = await shop.call("DELETE", "/api/cart", "guest")
    assert (answer.status_code, answer.json()["code"]) == (503, "bulkhead-full")
    assert answer.headers["retry-after"] == "5"
    assert len(shop.command.received) == 1, "what was shed must not be repeated"


@pytest.mark.timing("an answer within 0.5 s")
async def test_no_time_left_is_504(shop: Any) -> None:
    shop.command.then_hang()
    headers = {"X-Request-Timeout-Ms": "80"}
    began = time.monotonic()
    answer = await shop.call("DELETE", "/api/cart", "guest", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (504, "deadline-exceeded")
    assert "retry-after" in answer.headers
    assert time.monotonic() - began < 0.5


@pytest.mark.timing("a refusal within 100 ms")
async def test_once_its_breaker_is_open_a_dead_service_is_refused_at_once(shop: Any) -> None:
    await shop.command.stop()
    for _ in range(8):
        await shop.call("DELETE", "/api/cart", "guest")
    began = time.monotonic()
    _assert_unavailable(await shop.call("DELETE", "/api/cart", "guest"))
    assert time.monotonic() - began < 0.1


async def test_checkouts_that_hang_leave_the_carts_their_places(stack: AsyncExitStack, kit: Any) -> None:
    shop = await kit.open_shop(stack)
    hanging = 0

    async def hang_at_checkout(request: Any) -> Any:
        nonlocal hanging
        if request.path == "/api/checkout":
            hanging += 1
            await asyncio.sleep(5)
        return kit.answer({})

    shop.command.then_do(hang_at_checkout)
    body, headers = {"payment_token": "tok_slow"}, {"Idempotency-Key": "k"}
    flood = 2 * sum(lane.limit for lane in LANES.values())
    checkouts = [
        asyncio.create_task(
            shop.call("POST", "/api/checkout", "customer", subject=f"ann-{number}", json=body, headers=headers)
        )
        for number in range(flood)
    ]
    while hanging < LANES[Lane.CHECKOUT].limit:  # noqa: ASYNC110  # seen from the service's side
        await asyncio.sleep(0.01)
    carts = [await shop.call("DELETE", "/api/cart", "guest") for _ in range(3)]
    assert [cart.status_code for cart in carts] == [200, 200, 200]
    assert hanging == LANES[Lane.CHECKOUT].limit
    assert {answer.status_code for answer in await asyncio.gather(*checkouts)} <= {503, 504}


def _assert_unavailable(answer: Any) -> None:
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "dependency-unavailable"
    assert 1 <= int(answer.headers["retry-after"]) <= 5
