"""`holdfast-replay`: the real orders of a month, placed over the REST API by concurrent shoppers."""

import asyncio
import secrets
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TaskID, TimeRemainingColumn

from holdfast_tools.acks import Ack, AckFile, default_path
from holdfast_tools.command_line import UserError, add_data, add_shop, parser, positive, run, urls
from holdfast_tools.load import sign_in
from holdfast_tools.matching import Matches, match_cancellations
from holdfast_tools.replay_report import Outcome, catch_up, report
from holdfast_tools.retail import DataError, Invoice, Month, read_month
from holdfast_tools.shop import Answer, Shop, ShopUnreachable

_SHOPPERS = 16


@dataclass(frozen=True, slots=True)
class Visit:
    """One thing a customer does: an order, or the cancellation of the order that `cancels` names."""

    invoice: Invoice
    cancels: str | None = None


@dataclass(slots=True)
class Session:
    """A signed-in shopper."""

    token: str
    customer_id: str
    placed: dict[str, Ack] = field(default_factory=dict)


def itineraries(month: Month, matches: Matches, orders: int | None) -> list[list[Visit]]:
    """What each shopper does, in time: a list for each customer, one for each guest's invoice; longest-lived first.

    With `orders` only the first so many orders, and the cancellations of those.
    """
    chosen = month.orders[:orders]
    numbers = {order.number for order in chosen}
    visits = [Visit(order) for order in chosen]
    visits += [
        Visit(cancellation, matches.cancels[cancellation.number])
        for cancellation in month.cancellations
        if matches.cancels.get(cancellation.number) in numbers
    ]
    by_shopper: defaultdict[str, list[Visit]] = defaultdict(list)
    for visit in sorted(visits, key=lambda visit: (visit.invoice.at, visit.invoice.number)):
        by_shopper[visit.invoice.customer or f"guest {visit.invoice.number}"].append(visit)
    return sorted(by_shopper.values(), key=lambda visits: -sum(len(visit.invoice.quantities) for visit in visits))


class Replay:
    """Runs the itineraries. What happened is in `outcome`; every acknowledgement goes to `acks` first."""

    def __init__(self, shop: Shop, acks: AckFile, outcome: Outcome, run_id: str) -> None:
        self._shop = shop
        self._acks = acks
        self._run_id = run_id
        self.outcome = outcome

    async def shopper(self, visits: Sequence[Visit], progress: Progress, bar: TaskID) -> None:
        """One customer's visits in order. What cannot be finished is counted under `unfinished`."""
        try:
            session = await self._session(visits[0].invoice.customer)
        except ShopUnreachable as error:
            self._unfinished(len(visits), error)
            progress.advance(bar, sum(visit.cancels is None for visit in visits))
            return
        for visit in visits:
            try:
                if visit.cancels is None:
                    await self._order(session, visit.invoice)
                else:
                    await self._cancel(session, visit.invoice, visit.cancels)
            except ShopUnreachable as error:
                self._unfinished(1, error)
            if visit.cancels is None:
                progress.advance(bar)

    def _unfinished(self, count: int, error: ShopUnreachable) -> None:
        self.outcome.unfinished += count
        self.outcome.last_trouble = str(error)

    async def _session(self, customer: str) -> Session:
        if not customer:
            answer = await self._shop.call("POST", "/api/sessions", body={})
        else:
            email = f"customer-{customer}@replay.holdfast.example"
            who = {"email": email, "password": f"replayed-{customer}"}
            name = {"name": f"Customer {customer}"}
            answer = await self._shop.call("POST", "/api/customers", body=who | name, key=f"replay-{customer}")
            if answer.code == "email-taken":
                answer = await self._shop.call("POST", "/api/sessions", body=who)
        if not answer.ok:
            raise UserError(f"the shop refused a session for customer {customer or '(guest)'}: {answer.code}")
        session = Session(answer.body["token"], answer.body["customer_id"])
        if customer:  # an earlier, interrupted replay may have left lines
            await self._shop.call("DELETE", "/api/cart", token=session.token)
        return session

    async def _order(self, session: Session, invoice: Invoice) -> None:
        self.outcome.orders_tried += 1
        taken: dict[str, int] = {}  # what the cart has: a refused line is missing from the order too
        for product_id, quantity in invoice.quantities.items():
            answer = await self._shop.call(
                "POST",
                "/api/cart/items",
                token=session.token,
                body={"product_id": product_id, "quantity": quantity},
            )
            if self._count(answer, f"line: {answer.code}"):
                taken[product_id] = quantity
        answer = await self._shop.call(
            "POST",
            "/api/checkout",
            token=session.token,
            key=f"{self._run_id}-{invoice.number}",
            body={"payment_token": "tok_visa"},
        )
        if not self._count(answer, f"order: {answer.code}"):
            await self._shop.call("DELETE", "/api/cart", token=session.token)
            return
        ack = self._written("order", session, invoice, answer, answer.body["total_amount"], taken)
        session.placed[invoice.number] = ack
        self.outcome.placed(invoice, ack, answer.headers.get("consistency-token", ""), session.token)

    async def _cancel(self, session: Session, cancellation: Invoice, order_number: str) -> None:
        order = session.placed.get(order_number)
        if order is None:
            self.outcome.refusals["cancellation: its order was not placed"] += 1
            return
        answer = await self._shop.call(
            "POST",
            f"/api/orders/{order.order_id}/cancel",
            token=session.token,
            key=f"{self._run_id}-{cancellation.number}",
            body={"reason": f"invoice {cancellation.number}"},
        )
        if self._count(answer, f"cancellation: {answer.code}"):
            self._written("cancel", session, cancellation, answer, order.amount, order.quantities)
            self.outcome.cancelled += 1

    def _count(self, answer: Answer, refusal: str) -> bool:
        self.outcome.commands += 1
        if not answer.ok:
            self.outcome.refusals[refusal] += 1
        return answer.ok

    def _written(
        self,
        kind: Literal["order", "cancel"],
        session: Session,
        invoice: Invoice,
        answer: Answer,
        amount: int,
        quantities: Mapping[str, int],
    ) -> Ack:
        ack = Ack(
            kind=kind,
            order_id=answer.body["order_id"],
            customer_id=session.customer_id,
            status=answer.body["status"],
            amount=amount,
            quantities=quantities,
            invoice=invoice.number,
        )
        self._acks.write(ack)
        return ack


async def replay_all(replay: Replay, plans: Sequence[Sequence[Visit]], shoppers: int, console: Console) -> None:
    """`shoppers` at once until every plan is done."""
    waiting = iter(plans)
    total = sum(visit.cancels is None for plan in plans for visit in plan)
    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("orders", total=total)

        async def worker() -> None:
            for plan in waiting:
                await replay.shopper(plan, progress, bar)

        async with asyncio.TaskGroup() as group:
            for _ in range(shoppers):
                group.create_task(worker())


def prices(month: Month) -> Mapping[str, int]:
    """Catalogue price by product, in pence."""
    return {product.product_id: product.unit_amount for product in month.products}


def main() -> int:
    arguments = parser("holdfast-replay", "Place a month's real orders as concurrent shoppers, then report.")
    add_shop(arguments)
    add_data(arguments)
    arguments.add_argument("--orders", type=positive, default=None, help="only the first so many orders")
    arguments.add_argument("--shoppers", type=positive, default=_SHOPPERS, help="how many at once")
    arguments.add_argument("--acks", type=Path, default=default_path(), help="where acknowledgements are written")
    options = arguments.parse_args()

    async def work() -> int:
        try:
            month = read_month(options.data)
        except DataError as error:
            raise UserError(str(error)) from error
        matches = match_cancellations(month.orders, month.cancellations)
        console = Console(stderr=True)
        outcome = Outcome(prices(month))
        acks = AckFile(options.acks)
        async with Shop(urls(options.url)) as shop:
            admin = await sign_in(shop, options.admin_email, options.admin_password)
            replay = Replay(shop, acks, outcome, f"replay-{secrets.token_hex(4)}")
            began = time.monotonic()
            try:
                plans = itineraries(month, matches, options.orders)
                await replay_all(replay, plans, options.shoppers, console)
            except* UserError as errors:
                raise errors.exceptions[0] from None
            outcome.seconds = time.monotonic() - began
            outcome.catch_up_s = await catch_up(shop, outcome, admin)
            outcome.repeats = shop.repeats
        acks.close()
        unmatched = Counter(matches.unmatched) if options.orders is None else Counter()
        console.print(report(outcome, month, unmatched))
        return 1 if outcome.unfinished else 0

    return run("holdfast-replay", work)


if __name__ == "__main__":
    sys.exit(main())
