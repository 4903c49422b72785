"""What a replay did, as numbers and as a table."""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from rich.table import Table

from holdfast_tools.acks import Ack
from holdfast_tools.retail import Invoice, Month
from holdfast_tools.shop import Shop, ShopUnreachable

_CATCH_UP_LIMIT_S = 120.0


@dataclass(slots=True)
class Outcome:
    """Counts of one replay. `unit_amounts` are catalogue prices in pence; revenues are pence too."""

    unit_amounts: Mapping[str, int]
    orders_tried: int = 0
    by_status: Counter[str] = field(default_factory=Counter)
    lines: int = 0
    revenue: int = 0
    real_revenue: int = 0
    dearer: int = 0
    cheaper: int = 0
    cancelled: int = 0
    refusals: Counter[str] = field(default_factory=Counter)
    commands: int = 0
    repeats: int = 0
    unfinished: int = 0
    last_trouble: str = ""
    seconds: float = 0.0
    catch_up_s: float | None = None
    newest: dict[str, tuple[str, str]] = field(default_factory=dict)

    def placed(self, invoice: Invoice, ack: Ack, consistency_token: str, token: str) -> None:
        """Count an acknowledged order; `consistency_token` is what its answer carried."""
        self.by_status[ack.status] += 1
        self.lines += len(ack.quantities)
        self.revenue += ack.amount
        real = int(sum(invoice.billed[product_id] for product_id in ack.quantities) * 100 + Decimal("0.5"))
        self.real_revenue += real
        if ack.amount > real:
            self.dearer += ack.amount - real
        else:
            self.cheaper += real - ack.amount
        self.newest[ack.order_id] = (consistency_token, token)
        if len(self.newest) > 20:
            self.newest.pop(next(iter(self.newest)))

    @property
    def acknowledged(self) -> int:
        return sum(self.by_status.values())


async def catch_up(shop: Shop, outcome: Outcome, admin: str) -> float | None:
    """Seconds from the last acknowledgement until the read side holds the newest orders and no lag is left.

    None when that took over two minutes.
    """
    began = time.monotonic()
    waiting = dict(outcome.newest)
    while time.monotonic() - began < _CATCH_UP_LIMIT_S:
        try:
            for order_id, (consistency, token) in list(waiting.items()):
                answer = await shop.call("GET", f"/api/orders/{order_id}", token=token)
                wanted = [part.split("@") for part in consistency.split(",") if part.strip().startswith("order-")]
                version = int(wanted[0][1]) if wanted else 1
                if (
                    answer.headers.get("served-from") == "read-model"
                    and answer.ok
                    and answer.body["version"] >= version
                ):
                    waiting.pop(order_id)
            status = await shop.call("GET", "/api/ops/status", token=admin)
        except ShopUnreachable:
            continue
        drained = status.ok and (status.body["outbox"] or {}).get("pending") == 0
        caught_up = status.ok and (status.body["projection"] or {}).get("lag_events") == 0
        if not waiting and drained and caught_up:
            return time.monotonic() - began
        await asyncio.sleep(0.25)
    return None


def report(outcome: Outcome, month: Month, unmatched: Mapping[str, int]) -> Table:
    """The table at the end."""
    table = Table(title="replay", title_justify="left", show_header=False)
    table.add_column("what")
    table.add_column("value", justify="right")
    statuses = ", ".join(f"{count:,} {status}" for status, count in sorted(outcome.by_status.items()))
    table.add_row("orders acknowledged", f"{outcome.acknowledged:,} of {outcome.orders_tried:,} ({statuses or 'none'})")
    table.add_row("lines", f"{outcome.lines:,}")
    table.add_row("revenue at catalogue prices", _pounds(outcome.revenue))
    table.add_row("real revenue of the same goods", _pounds(outcome.real_revenue))
    table.add_row(
        "difference: one median price a product, where the shop billed by volume and channel",
        f"{_pounds(outcome.dearer)} dearer orders, -{_pounds(outcome.cheaper)} cheaper ones",
    )
    table.add_row("cancellations", f"{outcome.cancelled:,}")
    for reason, count in sorted(unmatched.items()):
        table.add_row(f"  not replayed: {reason}", f"{count:,}")
    if unmatched:
        table.add_row("real orders without goods, left out", f"{len(month.without_goods):,}")
    for reason, count in sorted(outcome.refusals.items()):
        table.add_row(f"refused {reason}", f"{count:,}")
    table.add_row("commands", f"{outcome.commands:,} in {outcome.seconds:.1f} s")
    table.add_row("commands a second", f"{outcome.commands / max(outcome.seconds, 1e-9):.0f}")
    table.add_row("calls repeated (busy or no answer)", f"{outcome.repeats:,}")
    caught = "not within 120 s" if outcome.catch_up_s is None else f"{outcome.catch_up_s:.1f} s"
    table.add_row("read side caught up after", caught)
    if outcome.unfinished:
        table.add_row("left unfinished", f"{outcome.unfinished:,} ({outcome.last_trouble})")
    return table


def _pounds(pence: int) -> str:
    return f"£{pence / 100:,.2f}"
