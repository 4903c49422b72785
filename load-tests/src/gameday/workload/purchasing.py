"""Calls of a shopper who buys: the cart, checking out, and thinking better of it."""

import random
from typing import Final

from gameday.workload.account import not_older, read
from gameday.workload.browsing import holds
from gameday.workload.context import Context
from gameday.workload.dataset import QUANTITIES
from gameday.workload.mix import ABANDON_SHARE, DECLINED_SHARE
from gameday.workload.operation import Operation, command
from gameday.workload.records import DECLINED
from gameday.workload.shopper import Order, Shopper
from gameday.workload.transport import Answer

_CHECKED_OUT: Final = frozenset({201, 202})


def _cart_version(answer: Answer) -> bool:
    return holds(answer, "cart_id", "version")


def add(_context: Context, shopper: Shopper, dice: random.Random) -> Operation:
    product, quantity = shopper.to_add[0]
    leaves = len(shopper.to_add) == 1 and dice.random() < ABANDON_SHARE

    def done(_answer: Answer) -> None:
        shopper.to_add.pop(0)
        shopper.cart[product] = shopper.cart.get(product, 0) + quantity
        shopper.left = leaves

    def refused(_answer: Answer) -> None:
        shopper.to_add.pop(0)
        if not shopper.cart and not shopper.to_add:
            shopper.next_visit()

    body = {"product_id": product, "quantity": quantity}
    refusals = frozenset({"product-discontinued"})
    return command(
        "POST",
        "/api/cart/items",
        shopper.token,
        body,
        good=_cart_version,
        done=done,
        refused=refused,
        refusals=refusals,
    )


def change(_context: Context, shopper: Shopper, dice: random.Random) -> Operation:
    product = dice.choice(list(shopper.cart))
    quantity = dice.choice([number for number in QUANTITIES if number != shopper.cart[product]])

    def done(_answer: Answer) -> None:
        shopper.cart[product] = quantity

    return command(
        "PUT", f"/api/cart/items/{product}", shopper.token, {"quantity": quantity}, good=_cart_version, done=done
    )


def remove(_context: Context, shopper: Shopper, dice: random.Random) -> Operation:
    product = dice.choice(list(shopper.cart))

    def done(_answer: Answer) -> None:
        del shopper.cart[product]
        if not shopper.cart and not shopper.to_add:
            shopper.next_visit()

    return command("DELETE", f"/api/cart/items/{product}", shopper.token, good=_cart_version, done=done)


def view(_context: Context, shopper: Shopper, _dice: random.Random) -> Operation:
    stream = shopper.cart_stream
    sure = shopper.pending is None

    def good(answer: Answer) -> bool:
        if not holds(answer, "lines", "total_amount", "version") or not not_older(shopper, stream, answer):
            return False
        lines = {line["product_id"]: line["quantity"] for line in answer.body["lines"]}
        return not sure or answer.body["version"] != shopper.seen.get(stream, 0) or lines == shopper.cart

    return read("/api/cart", shopper, stream, good)


def check_out(context: Context, shopper: Shopper, dice: random.Random) -> Operation:
    declined = dice.random() < DECLINED_SHARE

    def done(answer: Answer) -> None:
        order = Order(answer.body["order_id"], answer.body["total_amount"], dict(shopper.cart))
        shopper.orders.append(order)
        context.acknowledgements.acknowledged("order", shopper, order, answer.body["status"])
        shopper.next_visit()
        # A decline that comes later puts the lines back into the cart: nobody knows when, so this shopper is done.
        shopper.left = declined

    def refused(answer: Answer) -> None:
        if answer.code == "out-of-stock":
            context.acknowledgements.out_of_stock(answer.body["lines"])
        shopper.left = answer.code != DECLINED

    return command(
        "POST",
        "/api/checkout",
        shopper.token,
        {"payment_token": "tok_declined" if declined else "tok_visa"},
        statuses=_CHECKED_OUT,
        good=lambda answer: holds(answer, "order_id", "status", "total_amount"),
        refusals=frozenset({"out-of-stock", "product-discontinued"}) | ({DECLINED} if declined else set()),
        done=done,
        refused=refused,
    )


def cancel(context: Context, shopper: Shopper, _dice: random.Random) -> Operation:
    order = shopper.open_orders[0]

    def done(answer: Answer) -> None:
        order.cancelled = True
        context.acknowledgements.acknowledged("cancel", shopper, order, answer.body["status"])

    def refused(_answer: Answer) -> None:
        order.cancelled = True

    return command(
        "POST",
        f"/api/orders/{order.order_id}/cancel",
        shopper.token,
        {"reason": "changed my mind"},
        good=lambda answer: holds(answer, "order_id", "refund") and answer.body["status"] == "cancelled",
        refusals=frozenset({"order-not-cancellable"}),
        done=done,
        refused=refused,
    )
