"""A read with a Consistency-Token shows at least that version, after a short wait, or says that it is behind."""

import asyncio
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx
import pytest

from holdfast.contracts.messages import rfc3339
from holdfast.service.tokens import Caller
from query_service.consistency import counted

Json = dict[str, Any]
Make = Callable[..., Json]
Bearer = Callable[[str, str], dict[str, str]]


@pytest.fixture(autouse=True)
def up_to_date(shop: Any) -> Iterator[None]:
    """As if all were written for minutes to come: nobody waits for a read model that is known to be behind."""
    shop.drained(-600)
    yield
    shop.drained(0)


@pytest.fixture
def me() -> str:
    return str(uuid4())


def with_token(headers: dict[str, str], *entries: str) -> dict[str, str]:
    return {**headers, "Consistency-Token": ", ".join(entries)}


def cart(cart_id: str, version: int) -> Json:
    return {"cart_id": cart_id, "lines": [], "version": version}


def behind(answer: httpx.Response) -> bool:
    return answer.status_code == 425 and answer.json()["code"] == "read-model-behind"


async def test_a_version_that_is_there_is_answered_before_any_refresh(
    shop: Any, client: httpx.AsyncClient, bearer: Bearer, me: str
) -> None:
    shop.write("carts", cart(me, 3), refresh=False)
    answer = await client.get("/api/cart", headers=with_token(bearer(me, "guest"), f"cart-{me}@3"))
    assert answer.json()["version"] == 3


async def test_a_version_that_comes_during_the_wait_is_answered(
    shop: Any, client: httpx.AsyncClient, bearer: Bearer, me: str
) -> None:
    shop.write("carts", cart(me, 3))

    async def project() -> None:
        await asyncio.sleep(0.06)
        await asyncio.to_thread(shop.write, "carts", cart(me, 4), refresh=False)

    headers = with_token(bearer(me, "guest"), f"cart-{me}@4")
    answer, _ = await asyncio.gather(client.get("/api/cart", headers=headers), project())
    assert (answer.status_code, answer.json()["version"]) == (200, 4)


async def test_a_version_that_does_not_come_is_behind_after_200_ms(
    shop: Any, client: httpx.AsyncClient, bearer: Bearer, order: Make, me: str
) -> None:
    shop.write("carts", cart(me, 3))
    made = order(me, version=2)
    shop.write("orders", made)
    for path, entry in (
        ("/api/cart", f"cart-{me}@4"),
        ("/api/profile", f"customer-{me}@1"),
        (f"/api/orders/{made['order_id']}", f"order-{made['order_id']}@3"),
        (f"/api/orders/{(gone := uuid4())}", f"order-{gone}@1"),
        ("/api/orders", f"order-{made['order_id']}@3"),
        ("/api/orders", f"order-{uuid4()}@1"),
    ):
        began = time.monotonic()
        answer = await client.get(path, headers=with_token(bearer(me, "customer"), entry))
        assert behind(answer), path
        assert 0.19 < time.monotonic() - began < 1, path
        await asyncio.sleep(1.05)  # until this caller's next wait


async def test_someone_elses_order_is_unknown_at_once_whatever_the_token_says(
    shop: Any, client: httpx.AsyncClient, bearer: Bearer, order: Make, me: str
) -> None:
    made = order(str(uuid4()), version=2)
    shop.write("orders", made)
    headers = with_token(bearer(me, "guest"), f"order-{made['order_id']}@9")
    assert (await client.get(f"/api/orders/{made['order_id']}", headers=headers)).status_code == 404


async def test_streams_that_do_not_count_are_not_waited_for(
    shop: Any, client: httpx.AsyncClient, bearer: Bearer, product: Make, me: str
) -> None:
    made = product("MUG")
    shop.write("products", made)
    other = uuid4()
    token = with_token(
        bearer(me, "customer"), f"cart-{other}@9", f"customer-{other}@9", f"product-{made['product_id']}@9"
    )
    assert (await client.get("/api/cart", headers=token)).status_code == 200
    assert (await client.get(f"/api/products/{made['product_id']}", headers=token)).status_code == 200
    assert (await client.get("/api/products", headers=token)).status_code == 200
    admin = with_token(bearer(me, "admin"), f"product-{made['product_id']}@9")
    assert behind(await client.get(f"/api/products/{made['product_id']}", headers=admin))


def test_the_own_cart_and_profile_any_order_and_for_an_admin_all_streams_count() -> None:
    streams = {"cart-me": 1, "cart-you": 2, "customer-me": 3, "customer-you": 4, "order-x": 5, "product-p": 6}
    mine = {"cart-me": 1, "customer-me": 3, "order-x": 5}
    assert counted(streams, Caller("me", "guest", 0)) == mine
    assert counted(streams, Caller("me", "customer", 0)) == mine
    assert counted(streams, Caller("me", "admin", 0)) == streams
    assert counted(streams, None) == {}


async def test_an_order_that_a_search_does_not_list_yet_is_behind_and_listed_after_a_refresh(
    shop: Any, client: httpx.AsyncClient, bearer: Bearer, order: Make, me: str
) -> None:
    shop.write("orders", order(me))
    new = order(me)
    shop.write("orders", new, refresh=False)
    headers = bearer(me, "guest")
    token = with_token(headers, f"order-{new['order_id']}@2")
    assert (await client.get("/api/orders", headers=headers)).json()["total"] == 1
    assert behind(await client.get("/api/orders", headers=token))
    assert behind(await client.get("/api/orders", headers=token, params={"status": "paid"}))
    assert (await client.get("/api/orders", headers=token, params={"status": "shipped"})).json()["total"] == 0
    shop.refresh()
    assert (await client.get("/api/orders", headers=token)).json()["total"] == 2


async def test_a_page_whose_total_lacks_the_tokens_order_is_behind(
    shop: Any, client: httpx.AsyncClient, bearer: Bearer, order: Make, me: str
) -> None:
    made = [order(me, placed_at=rfc3339(datetime(2026, 1, 1 + day, tzinfo=UTC))) for day in range(3)]
    shop.write("orders", *made[:2])
    page = (await client.get("/api/orders", headers=bearer(me, "guest"), params={"limit": 1})).json()
    shop.write("orders", made[2], refresh=False)
    token = with_token(bearer(me, "guest"), f"order-{made[2]['order_id']}@2")
    last = {"limit": 1, "cursor": page["next_cursor"]}
    assert behind(await client.get("/api/orders", headers=token, params=last))
    shop.refresh()
    assert (await client.get("/api/orders", headers=token, params=last)).json()["total"] == 3


async def test_a_list_that_shows_an_older_version_of_the_tokens_order_is_behind(
    shop: Any, client: httpx.AsyncClient, bearer: Bearer, order: Make, me: str
) -> None:
    made = order(me)
    shop.write("orders", made)
    shop.write("orders", {**made, "status": "cancelled", "version": 3}, refresh=False)
    token = with_token(bearer(me, "guest"), f"order-{made['order_id']}@3")
    for params in ({}, {"status": "paid"}, {"status": "cancelled"}):
        assert behind(await client.get("/api/orders", headers=token, params=params)), params
    shop.refresh()
    answer = await client.get("/api/orders", headers=token, params={"status": "cancelled"})
    assert answer.json()["items"][0]["version"] == 3


async def test_an_order_that_belongs_on_another_page_is_not_missed_on_this_one(
    shop: Any, client: httpx.AsyncClient, bearer: Bearer, order: Make, me: str
) -> None:
    made = [order(me, placed_at=rfc3339(datetime(2026, 1, 1 + day, tzinfo=UTC))) for day in range(3)]
    shop.write("orders", *made)
    oldest = with_token(bearer(me, "guest"), f"order-{made[0]['order_id']}@2")
    newest = with_token(bearer(me, "guest"), f"order-{made[2]['order_id']}@2")
    page = (await client.get("/api/orders", headers=oldest, params={"limit": 1})).json()
    answer = await client.get("/api/orders", headers=newest, params={"limit": 5, "cursor": page["next_cursor"]})
    assert len(answer.json()["items"]) == 2


async def test_a_caller_whose_wait_ran_out_is_answered_at_once_and_the_others_still_wait(
    shop: Any, client: httpx.AsyncClient, bearer: Bearer, me: str
) -> None:
    async def ask(caller: str, version: int) -> tuple[httpx.Response, float]:
        began = time.monotonic()
        headers = with_token(bearer(caller, "guest"), f"cart-{caller}@{version}")
        return await client.get("/api/cart", headers=headers), time.monotonic() - began

    hostile = str(uuid4())
    answers = [await ask(hostile, 999_999) for _ in range(12)]
    assert all(behind(answer) for answer, _ in answers)
    assert [took > 0.19 for _, took in answers] == [True] + [False] * 11
    assert "query_token_gate_closed 0.0" in (await client.get("/metrics")).text

    async def project() -> None:
        await asyncio.sleep(0.06)
        await asyncio.to_thread(shop.write, "carts", cart(me, 1), refresh=False)

    (answer, _), _ = await asyncio.gather(ask(me, 1), project())
    assert (answer.status_code, answer.json()["version"]) == (200, 1)


@pytest.mark.timing("waits of 200 ms told from none")
async def test_one_caller_waits_once_at_a_time(client: httpx.AsyncClient, bearer: Bearer, me: str) -> None:
    headers = with_token(bearer(me, "guest"), f"cart-{me}@1")

    async def ask() -> float:
        began = time.monotonic()
        assert behind(await client.get("/api/cart", headers=headers))
        return time.monotonic() - began

    times = sorted(await asyncio.gather(*(ask() for _ in range(4))))
    assert times[-1] > 0.19
    assert times[-2] < 0.19


@pytest.mark.timing("an answer before a wait of 200 ms ends")
async def test_a_token_with_a_short_deadline_is_answered_in_time(
    client: httpx.AsyncClient, bearer: Bearer, me: str
) -> None:
    headers = {**with_token(bearer(me, "guest"), f"cart-{me}@1"), "X-Request-Timeout-Ms": "120"}
    began = time.monotonic()
    assert behind(await client.get("/api/cart", headers=headers))
    assert time.monotonic() - began < 0.19


@pytest.mark.parametrize("token", ["x", "cart-1@1", ",", "cart-00000000-0000-0000-0000-000000000000@x", "é@1"])
async def test_a_token_that_is_none_is_400_on_every_read(
    client: httpx.AsyncClient, bearer: Bearer, me: str, token: str
) -> None:
    headers = [*bearer(me, "admin").items(), ("Consistency-Token", token.encode().decode("latin-1"))]
    for path in (
        "/api/products", "/api/products/p", "/api/products/p/recommendations", "/api/cart", "/api/orders",
        f"/api/orders/{me}", "/api/profile", "/api/admin/orders", "/api/admin/customers", "/api/admin/sales",
    ):  # fmt: skip
        answer = await client.get(path, headers=[(name, value.encode("latin-1")) for name, value in headers])
        assert (answer.status_code, answer.json()["code"]) == (400, "consistency-token-invalid"), path


@pytest.mark.timing("an answer before a wait of 200 ms would end")
async def test_while_the_read_model_is_known_to_be_behind_nobody_waits(
    shop: Any, serve: Any, bearer: Bearer, me: str
) -> None:
    shop.write("carts", cart(me, 3))
    shop.drained(60)
    async with serve(shop) as late:
        while int((await late.get("/api/products")).headers.get("age", "0")) < 60:  # noqa: ASYNC110  # its first look
            await asyncio.sleep(0.02)
        began = time.monotonic()
        answer = await late.get("/api/cart", headers=with_token(bearer(me, "guest"), f"cart-{me}@4"))
        assert behind(answer)
        assert time.monotonic() - began < 0.19
