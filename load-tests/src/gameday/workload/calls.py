"""Every call of the mix that needs a shopper: who can make it now, and what is asked then."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from gameday.workload import account, purchasing
from gameday.workload.context import Context
from gameday.workload.operation import Operation
from gameday.workload.shopper import Shopper


@dataclass(frozen=True, slots=True)
class Call:
    """`able`: who can make it; `operation`: what is asked then."""

    able: Callable[[Shopper], bool]
    operation: Callable[[Context, Shopper, random.Random], Operation]
    changes: bool = False


CALLS: Final[Mapping[str, Call]] = {
    "add": Call(lambda who: bool(who.to_add), purchasing.add, changes=True),
    "change": Call(lambda who: bool(who.cart), purchasing.change, changes=True),
    "remove": Call(lambda who: bool(who.cart), purchasing.remove, changes=True),
    "view": Call(lambda who: bool(who.cart), purchasing.view),
    "checkout": Call(lambda who: bool(who.cart) and not who.to_add, purchasing.check_out, changes=True),
    "cancel": Call(lambda who: any(not order.cancelled for order in who.orders), purchasing.cancel, changes=True),
    "details": Call(lambda who: bool(who.orders), account.details),
    "orders": Call(lambda who: bool(who.orders), account.orders),
    "register": Call(lambda who: not who.email, account.register, changes=True),
    "sign-in": Call(lambda who: bool(who.email), account.sign_in),
    "profile": Call(lambda who: bool(who.email), account.profile),
}


def can(shopper: Shopper, name: str) -> bool:
    """Whether this shopper can make the call now: one at a time, and no change before a pending one is settled."""
    if shopper.busy:
        return False
    call = CALLS[name]
    if shopper.pending is not None and call.changes:
        return shopper.pending[0] == name
    return call.able(shopper)


def operation(name: str, context: Context, shopper: Shopper, dice: random.Random) -> Operation:
    """What the shopper asks now: the pending command again, with its key, or something new."""
    if shopper.pending is not None and shopper.pending[0] == name:
        return shopper.pending[1]
    return replace(
        CALLS[name].operation(context, shopper, dice), source=shopper.source, call=name, process=shopper.customer_id
    )
