"""Ids, values and limits that several aggregates share. Amounts are integers in the currency's smallest unit."""

from dataclasses import dataclass
from typing import Final, NewType

ProductId = NewType("ProductId", str)
OrderId = NewType("OrderId", str)
CustomerId = NewType("CustomerId", str)

CURRENCY: Final = "GBP"
MAX_CART_LINES: Final = 2_000
MAX_LINE_QUANTITY: Final = 100_000
MAX_AVAILABLE: Final = 10_000_000
"""What an adjustment may raise a stock to; released pieces may go beyond, they are never lost."""


class BrokenHistory(Exception):
    """An event that cannot follow the state before it: the stream is damaged. Fields: `state`, `event`."""

    def __init__(self, state: object, event: object) -> None:
        super().__init__(f"{type(event).__name__} cannot follow {type(state).__name__}")
        self.state = state
        self.event = event


@dataclass(frozen=True, slots=True)
class Address:
    """`country` is ISO 3166 alpha-2."""

    name: str
    line1: str
    line2: str | None
    city: str
    postcode: str
    country: str


@dataclass(frozen=True, slots=True)
class CartLine:
    product_id: ProductId
    quantity: int


@dataclass(frozen=True, slots=True)
class OrderLine:
    """The snapshot of a product's name and price when the order was placed."""

    product_id: ProductId
    name: str
    quantity: int
    unit_amount: int

    @property
    def line_amount(self) -> int:
        return self.quantity * self.unit_amount
