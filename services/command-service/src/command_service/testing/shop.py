"""A shop that can be paid in: command-services on one database, a real payment-service, and settlement at hand."""

import asyncio
import os
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import orjson

from command_service.adapters.payments import Payments
from command_service.codec import CART, KINDS, PRODUCT
from command_service.domain.events import ItemAddedToCart, ProductCreated
from command_service.domain.values import ProductId
from command_service.parts import Parts
from command_service.settings import Settings
from command_service.settlement.settlement import Settlement
from command_service.testing.service import Service, Someone, running
from holdfast.eventstore import Append, Metadata, StreamRef, append, lock_streams, verify
from holdfast.resilience.client import OutboundClient
from holdfast.resilience.deadline import Deadline
from holdfast.resilience.settings import PAYMENT_CLIENT
from holdfast.service.credentials import DEMO_SERVICE_KEYS, Signer
from holdfast.testing.credentials import AsService
from holdfast.testing.processes import ServiceProcess

SLOW_CARD_S = 1.0
_AS_TOOLS = AsService("tools", "payment-service")


def payments_client(url: str) -> OutboundClient:
    """A client of payment-service as settlement has it, to be started."""
    signer = Signer("settlement", DEMO_SERVICE_KEYS["settlement"])
    credential = partial(signer.header, "payment-service")
    return OutboundClient("payment-service", url, PAYMENT_CLIENT, credential=credential)


def full_count(reduced: int, full: int) -> int:
    """How often a race is run: the full count with FULL_RACES=1 in the environment, else fewer for every day."""
    return full if os.environ.get("FULL_RACES") == "1" else reduced


@contextmanager
def payment_process(folder: Path, **env: str) -> Iterator[ServiceProcess]:
    """A running payment-service with fault knobs; tok_slow takes SLOW_CARD_S seconds."""
    settings = {
        "LEDGER_PATH": str(folder / "ledger.sqlite3"),
        "FAULTS_ENABLED": "true",
        "SLOW_CARD_S": str(SLOW_CARD_S),
    }
    process = ServiceProcess("payment_service", settings | env, folder / "payment.log").start()
    try:
        yield process
    finally:
        process.kill()


@dataclass(frozen=True)
class Shop:
    """`service` is one command-service; `more` are further replicas of it."""

    service: Service
    more: tuple[Service, ...]
    settlement: Settlement
    payment: ServiceProcess

    @property
    def parts(self) -> Parts:
        parts: Parts = self.service.app.state.parts
        return parts

    async def shopper(self, *product_ids: str, quantity: int = 1, replica: int = 0) -> Someone:
        """A guest with these products in their cart."""
        guest = [self.service, *self.more][replica].someone()
        for product_id in product_ids:
            await self.fill(guest, product_id, quantity)
        return guest

    async def fill(self, someone: Someone, product_id: str, quantity: int = 1) -> None:
        key = secrets.token_hex(8)
        for _ in range(20):  # a machine with too much to do refuses some, or runs out of time
            answer = await someone.post("/api/cart/items", {"product_id": product_id, "quantity": quantity}, key=key)
            if answer.status_code not in {503, 504}:
                break
            await asyncio.sleep(0.2)
        assert answer.status_code == 200, answer.text

    async def stock_and_fill(self, someone: Someone, product_ids: Sequence[str]) -> None:
        """Creates these products, 10 pieces each, and puts one of each into the cart, by events: quicker than calls."""
        ids = [ProductId(product_id) for product_id in product_ids]
        created = ProductCreated("A thing", "", "Things", 100, "GBP", 10)
        refs: list[StreamRef] = [(CART, someone.subject), *((PRODUCT, product_id) for product_id in ids)]
        async with self.parts.database.transaction(Deadline.after(10)) as tx:
            streams = await lock_streams(tx, refs)
            products = [Append(streams[PRODUCT.stream_id(product_id)], [created]) for product_id in ids]
            filled = [ItemAddedToCart(product_id, 1) for product_id in ids]
            cart = Append(streams[CART.stream_id(someone.subject)], filled, owner=someone.subject)
            await append(tx, [cart, *products], Metadata(actor="test"))

    async def faults(self, **knobs: dict[str, Any]) -> None:
        """Sets the payment-service's knobs; without any lifts them all."""
        async with httpx.AsyncClient(auth=_AS_TOOLS) as client:
            (await client.put(f"{self.payment.url}/faults", json=knobs)).raise_for_status()

    async def movements(self) -> dict[str, Counter[str]]:
        """Order id to how often the processor captured and refunded."""
        moved: dict[str, Counter[str]] = {}
        async with httpx.AsyncClient(auth=_AS_TOOLS) as client:
            after: int | None = 0
            while after is not None:
                page = (await client.get(f"{self.payment.url}/journal?after={after}&limit=1000")).json()
                for item in page["items"]:
                    moved.setdefault(item["order_id"], Counter())[item["kind"]] += 1
                after = page["next_after"]
        return moved

    async def settle(self, limit_s: float = 10.0) -> None:
        """Makes everything owed due now and settles until nothing is owed."""
        async with asyncio.timeout(limit_s):
            while await self.rows("SELECT 1 FROM payment_work LIMIT 1"):
                await self.rows("UPDATE payment_work SET next_attempt_at = now() RETURNING 1")
                await self.settlement.settle_due()
                await asyncio.sleep(0.02)

    async def rows(self, query: str, *args: Any) -> list[Any]:
        async with self.parts.database.transaction(Deadline.after(10)) as tx:
            return await tx.fetch(query, *args)

    async def available(self, product_id: str) -> int:
        state = await self.rows("SELECT state FROM streams WHERE stream_id = $1", f"product-{product_id}")
        available: int = orjson.loads(state[0]["state"])["available"]
        return available

    async def events(self, stream_id: str) -> list[str]:
        """The types of a stream's events, in order."""
        query = "SELECT type FROM events WHERE stream_id = $1 ORDER BY version"
        return [row["type"] for row in await self.rows(query, stream_id)]

    async def order_states(self) -> dict[str, dict[str, Any]]:
        """Order id to its folded state."""
        query = "SELECT substr(stream_id, 7) AS order_id, state FROM streams WHERE kind = 'order'"
        return {row["order_id"]: orjson.loads(row["state"]) for row in await self.rows(query)}

    async def deadlocks(self) -> int:
        """How many deadlocks PostgreSQL has resolved in this database."""
        rows = await self.rows("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        deadlocks: int = rows[0]["deadlocks"]
        return deadlocks

    async def require_sound(self) -> None:
        """What has to be so once nothing is owed: money, stock and folded states agree with the events."""
        assert [str(difference) async for difference in verify(self.parts.database, KINDS)] == []
        moved = await self.movements()
        for order_id, state in (await self.order_states()).items():
            captured, refunded = moved.get(order_id, Counter())["capture"], moved.get(order_id, Counter())["refund"]
            assert captured <= 1, f"order {order_id} was charged {captured} times"
            wanted = 1 if state["status"] in {"paid", "shipped"} else 0
            assert captured - refunded == wanted, f"order {order_id} is {state['status']}: {captured} - {refunded}"


@asynccontextmanager
async def open_shop(store: str, payment: ServiceProcess, replicas: int = 1) -> AsyncIterator[Shop]:
    """A shop on an empty store, whose DSN is given. Faults are lifted when it closes."""
    first = Settings(postgres_dsn=store, replica="test", port=8101, payment_urls=payment.url)
    client = payments_client(payment.url)
    async with AsyncExitStack() as stack:
        service, *more = [
            await stack.enter_async_context(running(first.model_copy(update={"replica": f"test-{number}"})))
            for number in range(replicas)
        ]
        await client.start()
        stack.push_async_callback(client.close)
        settlement = Settlement(service.app.state.parts.database, Payments(client), batch=12, idle_s=0.05)
        shop = Shop(service, tuple(more), settlement, payment)
        stack.push_async_callback(shop.faults)
        # The first administrator comes a moment after the start, and would be in the way of what tests count.
        while not await shop.rows("SELECT 1 FROM credentials"):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        yield shop
