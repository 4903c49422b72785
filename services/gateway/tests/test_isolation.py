"""What one caller or one route does costs no other route an answer."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import pytest

from gateway.routes import FORWARDED, REGISTER_ROUTE, SIGN_IN_ROUTE
from gateway.routing import Route
from holdfast.testing.credentials import AsService

NO_CACHE = {"Cache-Control": "no-cache"}


def of_dependencies(status: Any) -> list[tuple[str, str | None, str]]:
    return [(line["to"], line["group"], line["breaker"]) for line in status["dependencies"]]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/products?cursor=" + "{" * 25_000),
        ("DELETE", "/api/cart/items/" + "{" * 25_000),
        ("DELETE", "/api/cart/items/.."),
        ("GET", "/api/products?q=" + "{" * 25_000),
    ],
)
async def test_what_cannot_be_passed_on_is_refused_and_moves_nothing(
    shop: Any, kit: Any, method: str, path: str
) -> None:
    for _ in range(20):
        answer = await status_of(shop, method, path, kit.token("guest"))
        assert answer in (404, 414, 422)
    assert of_dependencies((await shop.call("GET", "/status", auth=AsService("tools", "gateway"))).json()) == [
        ("query-service", None, "closed"),
        ("command-service", None, "closed"),
    ]
    assert shop.command.received == shop.query.received == []
    assert (await shop.call("GET", "/api/products")).status_code == 200
    assert (await shop.call("DELETE", "/api/cart", "guest")).status_code == 200


async def status_of(shop: Any, method: str, target: str, token: str) -> int:
    """The status of a request whose target no client has rewritten."""
    reader, writer = await asyncio.open_connection(shop.http.base_url.host, shop.http.base_url.port)
    writer.write(f"{method} {target} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
    head = await asyncio.wait_for(reader.readuntil(b"\r\n"), 5)
    writer.close()
    return int(head.split(b" ")[1])


async def test_a_route_that_always_fails_closes_its_own_group_and_no_other(stack: AsyncExitStack, kit: Any) -> None:
    replicas = [await kit.start_standin(stack) for _ in range(2)]
    shop = await kit.open_shop(stack, query_urls=",".join(replica.url for replica in replicas))

    async def answer(request: Any) -> Any:
        return kit.problem(500, "internal") if request.path == "/api/products" else kit.problem(404, "product-unknown")

    for replica in replicas:
        replica.then_do(answer)
    for number in range(40):
        searched = await shop.call("GET", f"/api/products?q={number}", headers=NO_CACHE)
        assert searched.status_code in (500, 503)
        assert (await shop.call("GET", f"/api/products/{number}", headers=NO_CACHE)).status_code == 404
    status = (await shop.call("GET", "/status", auth=AsService("tools", "gateway"))).json()
    assert [line for line in of_dependencies(status) if line[1] is not None] == [("query-service", "search", "open")]
    assert [line[2] for line in of_dependencies(status) if line[:2] == ("query-service", None)].count("closed") >= 1
    metrics = (await shop.call("GET", "/metrics")).text
    assert 'breaker_state{breaker="query-service search"} 2.0' in metrics
    assert 'outbound_groups_open{dependency="query-service"} 1.0' in metrics
    assert 'outbound_replicas_lost{dependency="query-service"} 0.0' in metrics


async def test_a_command_whose_group_is_open_is_refused_before_it_waits_for_a_place(shop: Any) -> None:
    shop.command.then(500, {})
    for _ in range(8):
        await shop.call("DELETE", "/api/cart", "guest")
    reached = len(shop.command.received)
    refused = await shop.call("DELETE", "/api/cart", "guest")
    assert (refused.status_code, refused.json()["code"]) == (503, "dependency-unavailable")
    assert len(shop.command.received) == reached
    shop.command.then_hang()
    profile = {"name": "Ann", "email": "ann@example.com"}
    others = [
        asyncio.create_task(shop.call("PUT", "/api/profile", "customer", subject=f"ann-{number}", json=profile))
        for number in range(8)
    ]
    while len(shop.command.received) < reached + 8:  # noqa: ASYNC110  # every place of the commands' lane
        await asyncio.sleep(0.005)
    same = asyncio.create_task(shop.call("PUT", "/api/cart/items/A", "guest", json={"quantity": 1}))
    done, _ = await asyncio.wait({same, *others}, return_when=asyncio.FIRST_COMPLETED)
    assert done == {same}
    assert same.result().status_code == 503
    await asyncio.gather(*others)


@pytest.mark.parametrize("route", [SIGN_IN_ROUTE, REGISTER_ROUTE, *FORWARDED], ids=lambda route: route.name)
def test_every_route_that_is_passed_on_has_a_group(route: Route) -> None:
    assert route.group != "operation"
    others = [other for other in (SIGN_IN_ROUTE, REGISTER_ROUTE, *FORWARDED) if other.group == route.group]
    assert len({other.reads for other in others}) == 1  # reads and commands fail apart
    assert len({other.lane for other in others}) == 1
