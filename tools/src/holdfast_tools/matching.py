"""Which order each real cancellation cancels: that customer's newest earlier order with exactly its goods."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from holdfast_tools.retail import Invoice


@dataclass(frozen=True, slots=True)
class Matches:
    """`cancels` maps a cancellation's number to its order's; `unmatched` counts the others by reason."""

    cancels: Mapping[str, str]
    unmatched: Mapping[str, int]


def match_cancellations(orders: Sequence[Invoice], cancellations: Sequence[Invoice]) -> Matches:
    """Match in order of time; an order is cancelled at most once. Both sequences are sorted by time."""
    by_customer: defaultdict[str, list[Invoice]] = defaultdict(list)
    for order in orders:
        by_customer[order.customer].append(order)
    cancels: dict[str, str] = {}
    unmatched: Counter[str] = Counter()
    taken: set[str] = set()
    for cancellation in cancellations:
        if not cancellation.customer:
            unmatched["no customer named"] += 1
            continue
        earlier = [order for order in by_customer[cancellation.customer] if order.at < cancellation.at]
        same = [order for order in reversed(earlier) if order.quantities == cancellation.quantities]
        free = [order for order in same if order.number not in taken]
        if free:
            cancels[cancellation.number] = free[0].number
            taken.add(free[0].number)
        elif same:
            unmatched["its order is cancelled already"] += 1
        elif earlier:
            unmatched["no earlier order with exactly these goods"] += 1
        else:
            unmatched["no earlier order of this customer in the file"] += 1
    return Matches(cancels, unmatched)
