"""The service with PostgreSQL down, cut off, paused or busy: it stays up, answers in time and recovers by itself."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest

from command_service.codec import CART
from command_service.settings import Settings
from command_service.testing.service import NO_PAYMENT, Service, Someone, refused, running
from holdfast.eventstore import Database, lock_streams
from holdfast.resilience.deadline import Deadline
from holdfast.testing.link import Link
from holdfast.testing.processes import free_port


@pytest.fixture
async def link(store: str) -> AsyncIterator[Link]:
    """A link that is down."""
    made = Link(store, free_port())
    yield made
    await made.stop()


def behind(link: Link) -> Settings:
    return Settings(postgres_dsn=link.url, replica="test", port=8101, payment_urls=NO_PAYMENT)


async def add(someone: Someone, left_ms: int = 1_000) -> httpx.Response:
    headers = {"X-Request-Timeout-Ms": str(left_ms)}
    return await someone.post("/api/cart/items", {"product_id": "mug", "quantity": 1}, headers=headers)


async def eventually(someone: Someone, seconds: float) -> None:
    """Waits until a command succeeds again."""
    ends_at = time.monotonic() + seconds
    while (answer := await add(someone)).status_code != 200:
        assert time.monotonic() < ends_at, answer.text
        await asyncio.sleep(0.1)


async def states(service: Service) -> dict[str, str]:
    dependencies: dict[str, str] = (await service.client.get("/readyz")).json()["dependencies"]
    return dependencies


async def test_the_service_starts_without_postgresql_and_serves_once_it_is_there(link: Link) -> None:
    async with running(behind(link), prepared=False) as service:
        assert (await service.client.get("/healthz")).status_code == 200
        assert (await service.client.get("/readyz")).status_code == 503
        answer = await add(service.someone())
        assert refused(answer, 503, "dependency-unavailable")
        assert "retry-after" not in answer.headers
        await link.start()
        await service.ready()
        await service.product("mug")
        assert (await add(service.someone())).status_code == 200


async def test_tables_that_are_not_there_yet_are_a_dependency_that_is_away(database: str) -> None:
    """PostgreSQL answers before the migrations are done."""
    empty = Database(database)
    async with running(
        Settings(postgres_dsn="postgresql://nobody@127.0.0.1:1/x", port=8101, payment_urls=NO_PAYMENT), prepared=False
    ) as service:
        parts = service.app.state.parts
        service.app.state.parts = replace(parts, database=empty)
        answer = await add(service.someone())
        assert refused(answer, 503, "dependency-unavailable")
        assert "retry-after" not in answer.headers
    empty.close()


async def test_a_lost_postgresql_is_said_at_once_and_comes_back_without_a_hand(link: Link) -> None:
    await link.start()
    async with running(behind(link)) as service:
        await service.product("mug")
        guest = service.someone()
        await link.stop()
        answers = [await add(guest) for _ in range(10)]
        for answer in answers:
            assert refused(answer, 503, "dependency-unavailable")
            assert "retry-after" not in answer.headers
        assert (await states(service))["postgresql"] == "breaker open"
        status = (await service.client.get("/status")).json()
        assert status["state"] == "degraded"
        assert [line["to"] for line in status["dependencies"][:2]] == ["postgresql", "postgresql-checkout"]
        await link.start()
        await eventually(guest, 10)


async def test_a_paused_postgresql_is_answered_within_the_deadline_and_then_at_once(link: Link) -> None:
    await link.start()
    async with running(behind(link)) as service:
        await service.product("mug")
        guest = service.someone()
        link.pause()
        began = time.monotonic()
        answers = await asyncio.gather(*(add(guest, left_ms=300) for _ in range(8)))
        assert time.monotonic() - began < 2  # 0.3 s, and room for a busy machine
        for answer in answers:
            assert refused(answer, 504, "deadline-exceeded")
            assert answer.headers["retry-after"] == "1"
        while (await states(service))["postgresql"] != "breaker open":
            await add(guest, left_ms=300)
        took_s = []
        for _ in range(5):
            began = time.monotonic()
            assert refused(await add(guest), 503, "dependency-unavailable")
            took_s.append(time.monotonic() - began)
        assert min(took_s) < 0.1
        link.resume()
        await eventually(guest, 10)


async def test_calls_caught_by_a_pause_end_when_it_is_known_and_not_at_their_deadline(link: Link) -> None:
    await link.start()
    async with running(behind(link)) as service:
        await service.product("mug")
        guests = [service.someone() for _ in range(4)]
        await asyncio.gather(*(add(guest) for guest in guests))  # sessions and connections are there
        link.pause()
        began = time.monotonic()
        answers = await asyncio.gather(*(add(guest, left_ms=10_000) for guest in guests))
        assert time.monotonic() - began < 4  # three looks of 0.3 s, and room for a busy machine
        for answer in answers:
            assert refused(answer, 503, "dependency-unavailable")
        link.resume()
        await eventually(guests[0], 10)


async def test_a_lock_that_is_not_granted_is_busy_and_no_fault_of_postgresql(database: str, service: Service) -> None:
    await service.product("mug")
    guest = service.someone()
    await add(guest)
    other = Database(database)
    async with other.transaction(Deadline.after(5)) as tx:
        await lock_streams(tx, [(CART, guest.subject)])
        answers = await asyncio.gather(*(add(guest, left_ms=400) for _ in range(4)))
    other.close()
    for answer in answers:
        assert refused(answer, 503, "bulkhead-full")
        assert answer.headers["retry-after"] == "1"
    assert await states(service) == {"postgresql": "up", "postgresql-checkout": "up"}
    assert (await add(guest)).status_code == 200


async def test_refusals_are_no_faults_of_postgresql(service: Service) -> None:
    guest = service.someone()
    for _ in range(10):
        assert refused(await add(guest), 404, "product-unknown")
    assert await states(service) == {"postgresql": "up", "postgresql-checkout": "up"}
