"""What shoppers want, out of a real month's orders: hot products, baskets, customers who come again, search words."""

import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Final

from holdfast_tools.command_line import UserError
from holdfast_tools.retail import DataError, Month, read_month

# The real shop sells wholesale: 26 lines an order, dozens of a product. A cart of 1-3 lines, 1-3 of each, keeps a
# checkout as short as a retail shop's, and the stock lasts. Not from the data: a share for each number.
LINES: Final = (1, 2, 3)
LINE_SHARES: Final = (50, 30, 20)
QUANTITIES: Final = (1, 2, 3)
# A word in ten is mistyped: what search engines report of short product queries.
TYPO_SHARE: Final = 0.1

Basket = tuple[tuple[str, int], ...]
"""(product id, quantity) of each line that somebody means to buy."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """`products` with `bought` (their running totals of order lines), `customers`: each one's real baskets in order."""

    products: Sequence[str]
    bought: Sequence[int]
    words: Sequence[str]
    customers: Sequence[Sequence[Sequence[str]]]

    def product(self, dice: random.Random) -> str:
        """One product; the hot ones as often as they were really bought."""
        return dice.choices(self.products, cum_weights=self.bought)[0]

    def visits(self, dice: random.Random) -> list[Basket]:
        """What one real customer comes for, basket by basket, each cut to 1-3 lines."""
        return [_cut(basket, dice) for basket in dice.choice(self.customers)]

    def search(self, dice: random.Random) -> str:
        """One or two words of a product's real name, mistyped now and then."""
        name = dice.choices(self.words, cum_weights=self.bought)[0].split()
        start = dice.randrange(len(name))
        text = " ".join(name[start : start + dice.choice((1, 2))])
        return _mistyped(text, dice) if dice.random() < TYPO_SHARE else text


def _cut(basket: Sequence[str], dice: random.Random) -> Basket:
    lines = min(dice.choices(LINES, LINE_SHARES)[0], len(basket))
    return tuple((product, dice.choice(QUANTITIES)) for product in dice.sample(basket, lines))


def _mistyped(text: str, dice: random.Random) -> str:
    """A letter left out, as in `lantrn`; the first is rarely mistyped."""
    if len(text) < 5:
        return text
    at = dice.randrange(1, len(text))
    return text[:at] + text[at + 1 :]


def dataset(month: Month) -> Dataset:
    """The demand behind a month's orders."""
    count = Counter(product for order in month.orders for product in order.quantities)
    names = {product.product_id: product.name for product in month.products}
    products = sorted(count)
    baskets: defaultdict[str, list[Sequence[str]]] = defaultdict(list)
    for order in month.orders:
        baskets[order.customer or f"guest {order.number}"].append(sorted(order.quantities))
    return Dataset(
        products=products,
        bought=list(accumulate(count[product] for product in products)),
        words=[names[product].lower() for product in products],
        customers=list(baskets.values()),
    )


def read_dataset(path: Path) -> Dataset:
    """The demand in a file of invoice lines. Raises UserError."""
    try:
        return dataset(read_month(path))
    except DataError as error:
        raise UserError(str(error)) from error
