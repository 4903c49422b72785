"""What a caller, callers without a token and new guests may have of the services."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest

from gateway.call import Call
from gateway.http.caller_time import ShareUsedUp
from gateway.http.rate_limits import RateLimits, Rates
from gateway.http.service_places import CALLER, ServicePlaces
from gateway.routes import FORWARDED
from holdfast.resilience.deadline import Deadline
from holdfast.resilience.errors import DeadlineExceeded
from holdfast.resilience.settings import RateSettings
from holdfast.service.tokens import Caller


async def test_calls_without_a_token_share_the_services_time(stack: AsyncExitStack, kit: Any) -> None:
    shop = await kit.open_shop(stack, anonymous_share=0.01)
    await shop.call("GET", "/api/cart", "guest")
    begun = time.perf_counter()
    answers = await asyncio.gather(*(_search(shop.http, f"flood{number}") for number in range(40)))
    assert time.perf_counter() - begun > 1  # a refusal is held back
    statuses = Counter(answer.status_code for answer in answers)
    assert set(statuses) == {200, 503}
    assert statuses[200] == len(shop.query.received) - 1 <= 11  # of an address that goes on ten a moment, and the burst
    refused = next(answer for answer in answers if answer.status_code == 503)
    assert refused.json()["code"] == "bulkhead-full"
    assert 1 <= int(refused.headers["retry-after"]) <= 5
    assert (await shop.call("GET", "/api/cart", "guest")).status_code == 200


async def test_with_nobody_else_they_may_have_all_of_it(stack: AsyncExitStack, kit: Any) -> None:
    shop = await kit.open_shop(stack, anonymous_share=0.01, newcomers_share=0.01)
    token = (await shop.call("POST", "/api/sessions", json={})).json()["token"]
    for number in range(40):
        assert (await _search(shop.http, f"alone{number}")).status_code == 200
    for _ in range(40):
        assert (await _cart(shop.http, token)).status_code == 200


async def test_a_kept_page_takes_none_of_that_time(stack: AsyncExitStack, kit: Any) -> None:
    shop = await kit.open_shop(stack, anonymous_share=0.01)
    await shop.call("GET", "/api/cart", "guest")
    for _ in range(40):
        assert (await shop.http.get("/api/products/mug")).status_code == 200
    assert len(shop.query.received) == 2


async def test_a_flood_from_one_address_leaves_other_addresses_served(stack: AsyncExitStack, kit: Any) -> None:
    shop = await kit.open_shop(stack, anonymous_share=0.2, anonymous_rate_burst=1000)
    shop.query.then_hang(0.01)
    busy = asyncio.create_task(_carts(shop))
    flood = [asyncio.create_task(_search_on(shop.http, number / 60)) for number in range(60)]
    await asyncio.sleep(1.5)
    elsewhere = httpx.AsyncHTTPTransport(local_address="127.0.0.2")
    async with httpx.AsyncClient(transport=elsewhere, base_url=shop.http.base_url, timeout=5) as other:
        statuses = [(await _search(other, f"other{number}")).status_code for number in range(6)]
    for one in (busy, *flood):
        one.cancel()
    assert statuses == [200] * 6


@pytest.mark.timing("an answer within 0.2 s beside a flood")
async def test_new_guests_share_the_services_time_and_others_do_not_notice(stack: AsyncExitStack, kit: Any) -> None:
    shop = await kit.open_shop(stack, newcomers_share=0.01)
    tokens = [(await shop.call("POST", "/api/sessions", json={})).json()["token"] for _ in range(40)]
    await shop.call("GET", "/api/cart", "guest")
    flood = [asyncio.create_task(_cart(shop.http, token)) for token in tokens]
    await asyncio.sleep(0.2)
    begun = time.perf_counter()
    assert (await shop.call("GET", "/api/cart", "guest")).status_code == 200  # a guest of a minute ago
    assert time.perf_counter() - begun < 0.2
    statuses = Counter(answer.status_code for answer in await asyncio.gather(*flood))
    assert set(statuses) == {200, 503}
    # Ten of an address with few calls, the burst of the busy ones, and who waited for its place meanwhile.
    assert statuses[200] <= 14


async def test_new_guests_of_a_busy_address_take_no_time_from_new_guests_elsewhere(
    stack: AsyncExitStack, kit: Any
) -> None:
    shop = await kit.open_shop(stack, guests_at_once=100)
    shop.query.then_do(_slowly(kit, 0.05))
    tokens = [(await shop.call("POST", "/api/sessions", json={})).json()["token"] for _ in range(60)]
    keeper = asyncio.create_task(_carts(shop))
    flood = [asyncio.create_task(_cart(shop.http, token)) for token in tokens]
    await asyncio.sleep(0.3)
    elsewhere = httpx.AsyncHTTPTransport(local_address="127.0.0.2")
    async with httpx.AsyncClient(transport=elsewhere, base_url=shop.http.base_url, timeout=5) as other:
        begun = time.perf_counter()
        assert [(await _cart(other, token)).status_code for token in tokens[:5]] == [200] * 5
        assert time.perf_counter() - begun < 1
    refused = Counter(answer.status_code for answer in await asyncio.gather(*flood))[503]
    keeper.cancel()
    assert refused > 20


async def test_each_caller_with_a_token_has_a_share_of_the_services_time(stack: AsyncExitStack, kit: Any) -> None:
    shop = await kit.open_shop(stack, caller_share=0.01)
    shop.query.then_do(_slowly(kit, 0.05))
    eve, ada = (kit.token("admin", name) for name in ("eve", "ada"))
    statuses: Counter[int] = Counter()
    while not statuses[503] and statuses[200] < 30:
        assert (await shop.call("GET", "/api/cart", "guest")).status_code == 200
        statuses[(await _orders(shop.http, eve)).status_code] += 1
    assert statuses == {200: pytest.approx(10, abs=2), 503: 1}
    assert (await _orders(shop.http, ada)).status_code == 200


@pytest.mark.parametrize(("status", "most"), [(400, 10), (422, 10), (404, 40)])
async def test_invalid_input_is_charged_with_the_most_that_a_call_costs(
    stack: AsyncExitStack, kit: Any, status: int, most: int
) -> None:
    shop = await kit.open_shop(stack, caller_share=0.01)
    shop.query.then_problem(status, "invalid")
    eve = kit.token("admin", "eve")
    answered = 0
    while answered < 40:
        await shop.call("DELETE", "/api/cart", "guest")
        if (await _orders(shop.http, eve)).status_code == 503:
            break
        answered += 1
    assert answered == pytest.approx(most, abs=1)


async def test_a_caller_has_few_calls_at_once(stack: AsyncExitStack, kit: Any) -> None:
    shop = await kit.open_shop(stack)
    shop.query.then_do(_slowly(kit, 0.15))
    eve, ada = (kit.token("admin", name) for name in ("eve", "ada"))
    flood = [asyncio.create_task(_orders(shop.http, eve)) for _ in range(40)]
    await asyncio.sleep(0.1)
    assert len(shop.query.received) == CALLER.limit
    assert (await _orders(shop.http, ada)).status_code == 200
    statuses = Counter(answer.status_code for answer in await asyncio.gather(*flood))
    assert set(statuses) == {200, 503}
    assert statuses[503] >= 40 - CALLER.limit - CALLER.queue


async def test_whoever_is_refused_leaves_nothing_behind() -> None:
    places = ServicePlaces(
        RateLimits(Rates(*[RateSettings(per_s=1e6, burst=10**6)] * 5)),
        guests_at_once=4,
        anonymous_share=1,
        newcomers_share=1,
        caller_share=0.001,
    )
    route = next(route for route in FORWARDED if route.path == "/api/cart")
    used_up = 0

    async def call(number: int, within_s: float = 1) -> None:
        nonlocal used_up
        caller = Caller("eve" if number % 10 else f"guest-{number}", "guest", 0)
        one = Call(route, "/api/cart", "", (), Deadline.after(within_s), address="192.0.2.1", caller=caller)
        try:
            async with places.place(one):
                assert places.bulkheads == 1
                await asyncio.sleep(0.01)
        except ShareUsedUp:
            used_up += 1

    await asyncio.gather(*(call(number) for number in range(100)))
    assert used_up > 10
    assert places.bulkheads == 0
    with pytest.raises(DeadlineExceeded):
        await call(100, within_s=0)
    assert places.bulkheads == 0


def _slowly(kit: Any, seconds: float) -> Callable[[Any], Awaitable[Any]]:
    async def answer(_request: Any) -> Any:
        await asyncio.sleep(seconds)
        return kit.answer({"ok": True})

    return answer


async def _orders(http: httpx.AsyncClient, token: str) -> httpx.Response:
    return await http.get("/api/admin/orders", headers={"Authorization": f"Bearer {token}"})


async def _search(http: httpx.AsyncClient, words: str) -> httpx.Response:
    return await http.get("/api/products", params={"q": words})


async def _carts(shop: Any) -> None:
    while True:
        await shop.call("GET", "/api/cart", "guest")
        await asyncio.sleep(0.1)


async def _search_on(http: httpx.AsyncClient, after_s: float) -> None:
    await asyncio.sleep(after_s)
    for number in range(100):
        await _search(http, f"flood{after_s}x{number}")


async def _cart(http: httpx.AsyncClient, token: str) -> httpx.Response:
    return await http.get("/api/cart", headers={"Authorization": f"Bearer {token}"})
