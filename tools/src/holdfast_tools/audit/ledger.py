"""The shop's state refolded from its events in one pass, and the checks on orders, charges and stock."""

from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from command_service.publish import publish
from holdfast.contracts.messages import Message
from holdfast.eventstore.rows import EVENT_COLUMNS, load_event
from holdfast_tools.acks import Ack
from holdfast_tools.audit.findings import Check

_STATUS = {
    "OrderPlaced": "awaiting_payment",
    "PaymentCaptured": "paid",
    "PaymentDeclined": "payment_declined",
    "OrderCancelled": "cancelled",
    "OrderShipped": "shipped",
}
_LIVE = ("awaiting_payment", "paid", "shipped")


@dataclass(slots=True)
class OrderFacts:
    """What an order's published events say, independent of any stored fold."""

    customer_id: str
    total_amount: int
    quantities: dict[str, int]
    status: str = "awaiting_payment"
    seen: set[str] = field(default_factory=set)


@dataclass(slots=True)
class ProductFacts:
    """`started` is the stock created and adjusted, `available` the number that the last event states."""

    started: int = 0
    available: int = 0
    lowest: int = 0


@dataclass(slots=True)
class Facts:
    """Orders and products out of the events alone."""

    orders: dict[str, OrderFacts] = field(default_factory=dict)
    products: defaultdict[str, ProductFacts] = field(default_factory=lambda: defaultdict(ProductFacts))
    events: int = 0

    def take(self, message: Message) -> None:
        """Count one published event."""
        self.events += 1
        if message.kind == "order":
            self._order(message)
        elif message.kind == "product" and "available" in message.data:
            self._product(message)

    def _order(self, message: Message) -> None:
        data = message.data
        if message.type == "OrderPlaced":
            quantities = {line["product_id"]: line["quantity"] for line in data["lines"]}
            self.orders[message.aggregate_id] = OrderFacts(data["customer_id"], data["total_amount"], quantities)
        order = self.orders[message.aggregate_id]
        order.seen.add(message.type)
        order.status = _STATUS.get(message.type, order.status)

    def _product(self, message: Message) -> None:
        product = self.products[message.aggregate_id]
        available = message.data["available"]
        if message.type == "ProductCreated":
            product.started = product.lowest = available
        if message.type == "StockAdjusted":
            product.started += message.data["delta"]
        product.available = available
        product.lowest = min(product.lowest, available)


async def messages(connection: asyncpg.Connection) -> AsyncIterator[Message]:
    """Every stored event as it is published, stream by stream in order of version. Needs an open transaction."""
    query = f"SELECT {EVENT_COLUMNS} FROM events ORDER BY stream_id, version"
    async for row in connection.cursor(query, prefetch=2000):
        yield publish(load_event(row))


def check_acks(check: Check, facts: Facts, acks: Sequence[Ack]) -> None:
    """Every acknowledged order and cancellation is there, as it was acknowledged."""
    for ack in acks:
        order = facts.orders.get(ack.order_id)
        if order is None:
            check.expect(False, f"order {ack.order_id} (invoice {ack.invoice}) was acknowledged and is lost")
            continue
        if ack.kind == "cancel":
            check.expect(order.status == "cancelled", f"order {ack.order_id}: cancelled, and is {order.status}")
            continue
        same = (order.customer_id, order.total_amount, order.quantities) == (
            ack.customer_id,
            ack.amount,
            ack.quantities,
        )
        kept = ack.status != "paid" or "PaymentCaptured" in order.seen
        check.expect(same and kept, f"order {ack.order_id} is not what was acknowledged (invoice {ack.invoice})")


def check_charges(check: Check, facts: Facts, journal: Sequence[Mapping[str, Any]]) -> None:
    """The processor's journal against the orders: at most one capture each, and the sums agree."""
    captures: defaultdict[str, list[int]] = defaultdict(list)
    refunds: defaultdict[str, list[int]] = defaultdict(list)
    for entry in journal:
        (captures if entry["kind"] == "capture" else refunds)[entry["order_id"]].append(entry["amount"])
    for order_id in captures.keys() | refunds.keys():
        check.expect(order_id in facts.orders, f"order {order_id} was charged and does not exist")
    for order_id, order in facts.orders.items():
        captured, refunded = captures[order_id], refunds[order_id]
        check.expect(
            len(captured) <= 1 and len(refunded) <= 1, f"order {order_id}: charged {captured}, back {refunded}"
        )
        owed = order.total_amount if order.status in ("paid", "shipped") else 0
        check.expect(
            sum(captured) - sum(refunded) == owed,
            f"order {order_id} is {order.status} at {order.total_amount}, charged {captured}, given back {refunded}",
        )
    kept = sum(map(sum, captures.values())) - sum(map(sum, refunds.values()))
    due = sum(order.total_amount for order in facts.orders.values() if order.status in ("paid", "shipped"))
    check.expect(kept == due, f"captured less refunded is {kept}, orders paid or shipped come to {due}")


def check_stock(check: Check, facts: Facts) -> None:
    """Stock is its start less what orders hold that are neither cancelled nor declined, and never was below 0."""
    sold: Counter[str] = Counter()
    for order in facts.orders.values():
        if order.status in _LIVE:
            sold.update(order.quantities)
    for product_id, product in facts.products.items():
        check.expect(
            product.available == product.started - sold[product_id],
            f"product {product_id}: {product.available} left of {product.started}, {sold[product_id]} sold",
        )
        check.expect(product.lowest >= 0, f"product {product_id}: stock went down to {product.lowest}")
    for product_id in sold.keys() - facts.products.keys():
        check.expect(False, f"product {product_id} was sold and does not exist")
