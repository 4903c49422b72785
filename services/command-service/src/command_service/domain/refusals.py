"""What a decider says instead of events: each refusal states what is so. None of them changes anything."""

from dataclasses import dataclass

from command_service.domain.values import ProductId


@dataclass(frozen=True, slots=True)
class ProductUnknown:
    product_id: ProductId


@dataclass(frozen=True, slots=True)
class ProductIsDiscontinued:
    product_id: ProductId


@dataclass(frozen=True, slots=True)
class ProductExists:
    pass


@dataclass(frozen=True, slots=True)
class StockWouldBeNegative:
    available: int
    delta: int


@dataclass(frozen=True, slots=True)
class StockAboveLimit:
    available: int
    delta: int
    limit: int


@dataclass(frozen=True, slots=True)
class TooManyLines:
    """The cart holds as many different products as it can."""

    limit: int


@dataclass(frozen=True, slots=True)
class LineTooLarge:
    """The line holds `quantity` and adding `added` would exceed `limit`."""

    product_id: ProductId
    quantity: int
    added: int
    limit: int


@dataclass(frozen=True, slots=True)
class LineUnknown:
    product_id: ProductId


@dataclass(frozen=True, slots=True)
class CartIsEmpty:
    pass


@dataclass(frozen=True, slots=True)
class Shortage:
    """One line of a cart that cannot be served; `available` is the product's present stock."""

    product_id: ProductId
    requested: int
    available: int


@dataclass(frozen=True, slots=True)
class OutOfStock:
    lines: tuple[Shortage, ...]


@dataclass(frozen=True, slots=True)
class ProductsAreDiscontinued:
    lines: tuple[Shortage, ...]


@dataclass(frozen=True, slots=True)
class TotalChanged:
    """The cart costs `total_amount` now, not what the caller expected."""

    total_amount: int


@dataclass(frozen=True, slots=True)
class OrderUnknown:
    pass


@dataclass(frozen=True, slots=True)
class OrderNotCancellable:
    """`status` is the order's present one, here and below."""

    status: str


@dataclass(frozen=True, slots=True)
class OrderNotShippable:
    status: str


@dataclass(frozen=True, slots=True)
class OutcomeContradicted:
    """A payment's outcome that cannot be true of an order in this status: an alarm, never an answer to a caller."""

    status: str
    outcome: str


@dataclass(frozen=True, slots=True)
class CustomerUnknown:
    pass


@dataclass(frozen=True, slots=True)
class AlreadyRegistered:
    pass


Refusal = (
    ProductUnknown
    | ProductIsDiscontinued
    | ProductExists
    | StockWouldBeNegative
    | StockAboveLimit
    | TooManyLines
    | LineTooLarge
    | LineUnknown
    | CartIsEmpty
    | OutOfStock
    | ProductsAreDiscontinued
    | TotalChanged
    | OrderUnknown
    | OrderNotCancellable
    | OrderNotShippable
    | OutcomeContradicted
    | CustomerUnknown
    | AlreadyRegistered
)
