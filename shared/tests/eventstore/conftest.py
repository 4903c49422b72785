"""A migrated store in a database of its own, and a small kind of stream to fill it with."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from holdfast.eventstore import EVENT_STORE, Append, Database, Kind, Metadata, UnknownEventType, lock_streams, migrate
from holdfast.eventstore import append as append_events
from holdfast.resilience.deadline import Deadline
from holdfast.testing.link import Link


@dataclass(frozen=True, slots=True)
class Added:
    """Something was added to a tally."""

    amount: int


def _load_event(event_type: str, data: dict[str, Any]) -> Added:
    if event_type != "Added":
        raise UnknownEventType(event_type)
    return Added(data["amount"])


def _tally_kind(name: str) -> Kind[int, Added]:
    return Kind(
        name=name,
        initial=lambda: 0,
        evolve=lambda total, event: total + event.amount,
        dump_state=lambda total: {"total": total},
        load_state=lambda stored: stored["total"],
        dump_event=lambda event: ("Added", 2, {"amount": event.amount}),
        load_event=_load_event,
        upcasters={
            ("Incremented", 1): lambda data: ("Added", 1, data),
            ("Added", 1): lambda data: ("Added", 2, {"amount": data["by"]}),
        },
    )


class Shop:
    """The store under test with what most tests do to it."""

    cart = _tally_kind("cart")
    product = _tally_kind("product")

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        self.database = Database(dsn)

    async def add(self, *identities: str, amounts: tuple[int, ...] = (1,), **kwargs: Any) -> dict[str, Any]:
        """Append to carts in one transaction; returns the changed streams."""
        async with self.database.transaction(Deadline.after(5)) as tx:
            streams = await lock_streams(tx, [(self.cart, identity) for identity in identities])
            options = {name: kwargs.pop(name) for name in ("owner",) if name in kwargs}
            appends = [Append(each, [Added(amount) for amount in amounts], **options) for each in streams.values()]
            return await append_events(tx, appends, Metadata(actor="tester"), **kwargs)

    async def query(self, sql: str, *args: Any) -> list[Any]:
        connection = await self.database.connect(timeout_s=10)
        try:
            return await connection.fetch(sql, *args)
        finally:
            await connection.close()

    async def tamper(self, sql: str) -> None:
        """Statements of the owner, whom no trigger stops."""
        connection = await self.database.connect(timeout_s=10)
        try:
            await connection.execute(f"SET session_replication_role = replica; {sql}")
        finally:
            await connection.close()


@pytest.fixture
async def shop(database: str) -> AsyncIterator[Shop]:
    shop = Shop(database)
    await migrate(shop.database, EVENT_STORE)
    yield shop
    shop.database.close()


@pytest.fixture
async def link(shop: Shop) -> AsyncIterator[Link]:
    """The link between `linked` and PostgreSQL."""
    link = Link(shop.dsn)
    await link.start()
    yield link
    await link.stop()


@pytest.fixture
def added() -> type[Added]:
    return Added


@pytest.fixture
def cart() -> Kind[int, Added]:
    """A kind of its own, without a store."""
    return _tally_kind("cart")


@pytest.fixture
def raising() -> Any:
    """`async with raising(Error) as caught, transaction: …`, as `pytest.raises` is used with one statement."""

    @asynccontextmanager
    async def raising(error: type[Exception], match: str | None = None) -> AsyncIterator[pytest.ExceptionInfo[Any]]:
        with pytest.raises(error, match=match) as caught:
            yield caught

    return raising
