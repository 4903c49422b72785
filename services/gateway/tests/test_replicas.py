"""Two replicas behind the gateway: one is enough."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any


async def _two_commands(stack: AsyncExitStack, kit: Any) -> tuple[Any, list[Any]]:
    replicas = [await kit.start_standin(stack) for _ in range(2)]
    shop = await kit.open_shop(stack, command_urls=",".join(replica.url for replica in replicas))
    return shop, replicas


async def test_a_command_is_repeated_once_at_the_other_replica_with_its_key(stack: AsyncExitStack, kit: Any) -> None:
    shop, replicas = await _two_commands(stack, kit)
    for replica in replicas:
        replica.then_problem(503, "dependency-unavailable")
    answer = await shop.call("DELETE", "/api/cart", "guest")
    assert answer.status_code == 503
    first, second = sorted((replica.last for replica in replicas), key=lambda got: "x-attempt" in got.headers)
    assert [len(replica.received) for replica in replicas] == [1, 1]
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]
    assert second.headers["x-attempt"] == "2"
    assert second.headers["authorization"] == first.headers["authorization"]


async def test_one_dead_replica_of_two_goes_unnoticed(stack: AsyncExitStack, kit: Any) -> None:
    shop, replicas = await _two_commands(stack, kit)
    await replicas[0].stop()
    answers = await asyncio.gather(*(shop.call("DELETE", "/api/cart", "guest") for _ in range(10)))
    assert {answer.status_code for answer in answers} == {200}


async def test_one_hanging_replica_of_two_goes_unnoticed(stack: AsyncExitStack, kit: Any) -> None:
    shop, replicas = await _two_commands(stack, kit)
    replicas[0].then_hang()
    answers = [await shop.call("DELETE", "/api/cart", "guest") for _ in range(4)]
    assert {answer.status_code for answer in answers} == {200}


async def test_a_repeat_that_meets_its_first_attempt_is_503(stack: AsyncExitStack, kit: Any) -> None:
    shop, replicas = await _two_commands(stack, kit)

    async def in_progress_on_repeat(request: Any) -> Any:
        if "x-attempt" in request.headers:
            return kit.problem(409, "request-in-progress", Retry_After="1")
        return kit.problem(503, "dependency-unavailable")

    for replica in replicas:
        replica.then_do(in_progress_on_repeat)
    answer = await shop.call(
        "POST", "/api/checkout", "guest", json={"payment_token": "t"}, headers={"Idempotency-Key": "k"}
    )
    assert (answer.status_code, answer.headers["retry-after"] in ("1", "2", "3")) == (503, True)


async def test_a_sign_in_without_a_key_is_repeated_too(stack: AsyncExitStack, kit: Any) -> None:
    shop, replicas = await _two_commands(stack, kit)
    for replica in replicas:
        replica.then_problem(503, "dependency-unavailable")
    await shop.call("POST", "/api/sessions", json={"email": "a@b.example", "password": "long enough"})
    assert [len(replica.received) for replica in replicas] == [1, 1]


async def test_reads_are_shared_between_two_replicas(stack: AsyncExitStack, kit: Any) -> None:
    replicas = [await kit.start_standin(stack) for _ in range(2)]
    shop = await kit.open_shop(stack, query_urls=",".join(replica.url for replica in replicas))
    async with asyncio.timeout(15):  # one that answered a probe late, on a busy machine, gets none for three seconds
        while True:
            before = len(replicas[0].received)
            for _ in range(100):
                await shop.call("GET", "/api/products/A", headers={"Cache-Control": "no-cache"})
            if 25 <= len(replicas[0].received) - before <= 75:
                break


async def test_two_hanging_query_replicas_leave_time_for_the_write_model(stack: AsyncExitStack, kit: Any) -> None:
    replicas = [(await kit.start_standin(stack)).then_hang() for _ in range(2)]
    shop = await kit.open_shop(stack, query_urls=",".join(replica.url for replica in replicas))
    shop.command.then(200, {"lines": []})
    headers = {"Consistency-Token": f"cart-{kit.GUEST_ID}@4"}
    answer = await shop.call("GET", "/api/cart", "guest", headers=headers)
    assert (answer.status_code, answer.headers["served-from"]) == (200, "write-model")
