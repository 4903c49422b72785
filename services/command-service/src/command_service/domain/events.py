"""Every event of the shop, past tense. The aggregate's own id is the stream's and not repeated in its events."""

from dataclasses import dataclass
from typing import Literal

from command_service.domain.values import Address, CartLine, CustomerId, OrderId, OrderLine, ProductId

Role = Literal["customer", "admin"]


@dataclass(frozen=True, slots=True)
class ItemAddedToCart:
    """`quantity` is what was added."""

    product_id: ProductId
    quantity: int


@dataclass(frozen=True, slots=True)
class ItemQuantityChanged:
    """`quantity` is the line's new one, at least 1."""

    product_id: ProductId
    quantity: int


@dataclass(frozen=True, slots=True)
class ItemRemovedFromCart:
    product_id: ProductId


@dataclass(frozen=True, slots=True)
class CartCleared:
    pass


@dataclass(frozen=True, slots=True)
class CartCheckedOut:
    """The cart is empty afterwards."""

    order_id: OrderId


@dataclass(frozen=True, slots=True)
class CartRestored:
    """A declined order's lines, as far as they fit; each quantity is added to what the cart holds."""

    order_id: OrderId
    lines: tuple[CartLine, ...]


@dataclass(frozen=True, slots=True)
class OrderPlaced:
    customer_id: CustomerId
    lines: tuple[OrderLine, ...]
    total_amount: int
    currency: str
    shipping_address: Address | None


@dataclass(frozen=True, slots=True)
class PaymentCaptured:
    amount: int
    currency: str


@dataclass(frozen=True, slots=True)
class PaymentDeclined:
    reason: str


@dataclass(frozen=True, slots=True)
class OrderCancelled:
    """`refund` is "pending" when a captured payment has to be given back, else None."""

    reason: str
    refund: Literal["pending"] | None


@dataclass(frozen=True, slots=True)
class PaymentRefunded:
    amount: int
    currency: str


@dataclass(frozen=True, slots=True)
class OrderShipped:
    carrier: str | None
    tracking: str | None


@dataclass(frozen=True, slots=True)
class ProductCreated:
    name: str
    description: str
    category: str
    unit_amount: int
    currency: str
    available: int


@dataclass(frozen=True, slots=True)
class PriceChanged:
    unit_amount: int
    currency: str


@dataclass(frozen=True, slots=True)
class StockAdjusted:
    """`available` is the number afterwards, here and in the two below."""

    delta: int
    available: int
    reason: str


@dataclass(frozen=True, slots=True)
class StockReserved:
    order_id: OrderId
    quantity: int
    available: int


@dataclass(frozen=True, slots=True)
class StockReleased:
    order_id: OrderId
    quantity: int
    available: int


@dataclass(frozen=True, slots=True)
class ProductDiscontinued:
    pass


@dataclass(frozen=True, slots=True)
class ProductRelisted:
    """A discontinued product is sold again, as it was and with the stock it has."""


@dataclass(frozen=True, slots=True)
class CustomerRegistered:
    """The e-mail as typed."""

    email: str
    name: str
    role: Role


@dataclass(frozen=True, slots=True)
class ProfileUpdated:
    name: str
    email: str
    address: Address | None


CartEvent = ItemAddedToCart | ItemQuantityChanged | ItemRemovedFromCart | CartCleared | CartCheckedOut | CartRestored
OrderEvent = OrderPlaced | PaymentCaptured | PaymentDeclined | OrderCancelled | PaymentRefunded | OrderShipped
ProductEvent = (
    ProductCreated
    | PriceChanged
    | StockAdjusted
    | StockReserved
    | StockReleased
    | ProductDiscontinued
    | ProductRelisted
)
CustomerEvent = CustomerRegistered | ProfileUpdated
