"""Calls that need no session: the catalogue, and coming in as a guest.

Who has a session sends its token on every call, as browsers do: the shop knows callers by it.
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final
from urllib.parse import quote

from gameday.addresses import draw
from gameday.workload.context import Context
from gameday.workload.operation import Operation
from gameday.workload.shopper import Shopper
from gameday.workload.transport import Answer


def holds(answer: Answer, *names: str) -> bool:
    """Whether the answer is a JSON object with these fields."""
    return isinstance(answer.body, dict) and all(name in answer.body for name in names)


def _a_list(answer: Answer) -> bool:
    return holds(answer, "items", "next_cursor", "total")


def _read(path: str, shopper: Shopper | None, good: Callable[[Answer], bool]) -> Operation:
    token, source = (shopper.token, shopper.source) if shopper is not None else ("", "")
    return Operation("GET", path, token=token, source=source, good=good)


def front_page(_context: Context, shopper: Shopper | None, _dice: random.Random) -> Operation:
    return _read("/api/products", shopper, _a_list)


def search(context: Context, shopper: Shopper | None, dice: random.Random) -> Operation:
    return _read(f"/api/products?q={quote(context.dataset.search(dice))}", shopper, _a_list)


def product(context: Context, shopper: Shopper | None, dice: random.Random) -> Operation:
    wanted = context.dataset.product(dice)

    def good(answer: Answer) -> bool:
        return holds(answer, "product_id", "unit_amount", "available") and answer.body["product_id"] == wanted

    return _read(f"/api/products/{wanted}", shopper, good)


def recommendations(context: Context, shopper: Shopper | None, dice: random.Random) -> Operation:
    path = f"/api/products/{context.dataset.product(dice)}/recommendations"
    return _read(path, shopper, lambda answer: holds(answer, "items"))


def session(context: Context, _shopper: Shopper | None, dice: random.Random) -> Operation:
    """A new guest, who is one of the real customers from here on."""
    source = draw(context.sources, dice)

    def done(answer: Answer) -> None:
        home, visits = dice.randrange(context.gateways), context.dataset.visits(dice)
        context.came(Shopper(answer.body["token"], answer.body["customer_id"], home, visits, source=source))

    return Operation(
        "POST",
        "/api/sessions",
        b"{}",
        source=source,
        statuses=frozenset({201}),
        good=lambda answer: holds(answer, "token", "customer_id"),
        done=done,
    )


CALLS: Final[Mapping[str, Callable[[Context, Shopper | None, random.Random], Operation]]] = {
    "list": front_page,
    "search": search,
    "product": product,
    "recommendations": recommendations,
    "session": session,
}


def operation(name: str, context: Context, shopper: Shopper | None, dice: random.Random) -> Operation:
    """What is asked now; by a shopper, if there is one."""
    return replace(
        CALLS[name](context, shopper, dice), call=name, process="" if shopper is None else shopper.customer_id
    )


READS: Final = tuple(name for name in CALLS if name != "session")
