"""Calls of a shopper about what is theirs: orders placed, the account."""

import random
import secrets
from collections.abc import Callable
from typing import Final

import orjson

from gameday.workload.browsing import holds
from gameday.workload.context import Context
from gameday.workload.operation import Operation, command
from gameday.workload.shopper import Shopper
from gameday.workload.transport import Answer

_STATUSES: Final = frozenset({"awaiting_payment", "paid", "payment_declined", "shipped", "cancelled"})
_CREATED: Final = frozenset({201})


def not_older(shopper: Shopper, stream: str, answer: Answer) -> bool:
    """Not older than what this shopper has written, unless the answer says that it may be."""
    return "degraded" in answer.headers or answer.body["version"] >= shopper.seen.get(stream, 0)


def read(path: str, shopper: Shopper, stream: str, good: Callable[[Answer], bool]) -> Operation:
    """A read that must show what the shopper knows of that stream."""
    return Operation("GET", path, token=shopper.token, streams=shopper.versions(stream), good=good)


def details(_context: Context, shopper: Shopper, dice: random.Random) -> Operation:
    order = dice.choice(shopper.orders)

    def good(answer: Answer) -> bool:
        return (
            holds(answer, "order_id", "status", "lines", "version")
            and answer.body["order_id"] == order.order_id
            and answer.body["status"] in _STATUSES
            and not_older(shopper, order.stream, answer)
        )

    return read(f"/api/orders/{order.order_id}", shopper, order.stream, good)


def orders(_context: Context, shopper: Shopper, _dice: random.Random) -> Operation:
    newest = shopper.orders[-1]

    def good(answer: Answer) -> bool:
        return holds(answer, "items") and (
            "degraded" in answer.headers or newest.order_id in (item["order_id"] for item in answer.body["items"])
        )

    return read("/api/orders", shopper, newest.stream, good)


def register(_context: Context, shopper: Shopper, _dice: random.Random) -> Operation:
    name = secrets.token_hex(8)
    email, password = f"load-{name}@load.holdfast.example", f"load-{name}"

    def done(answer: Answer) -> None:
        shopper.token = answer.body["token"]
        shopper.email, shopper.password = email, password

    return command(
        "POST",
        "/api/customers",
        shopper.token,
        {"email": email, "password": password, "name": f"Visitor {name}"},
        statuses=_CREATED,
        good=lambda answer: holds(answer, "token", "version") and answer.body["customer_id"] == shopper.customer_id,
        done=done,
    )


def sign_in(_context: Context, shopper: Shopper, _dice: random.Random) -> Operation:
    def done(answer: Answer) -> None:
        shopper.token = answer.body["token"]

    return Operation(
        "POST",
        "/api/sessions",
        orjson.dumps({"email": shopper.email, "password": shopper.password}),
        token=shopper.token,  # calls without one are limited by address and shed first
        statuses=_CREATED,
        good=lambda answer: holds(answer, "token") and answer.body["customer_id"] == shopper.customer_id,
        done=done,
    )


def profile(_context: Context, shopper: Shopper, _dice: random.Random) -> Operation:
    def good(answer: Answer) -> bool:
        return holds(answer, "email", "version") and answer.body["email"] == shopper.email

    return read("/api/profile", shopper, f"customer-{shopper.customer_id}", good)
