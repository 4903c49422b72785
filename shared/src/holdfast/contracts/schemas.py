"""Bodies that the shop sends (API.md), as schemas for OpenAPI. Services may build them as dicts of the same shape."""

from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from holdfast.contracts.fields import OrderStatus, Role


class Schema(BaseModel):
    """The shape of a response body."""

    model_config = ConfigDict(extra="forbid")


class FieldError(Schema):
    pointer: str
    detail: str


class ShortLine(Schema):
    product_id: str
    requested: int
    available: int


class ProblemBody(Schema):
    """RFC 9457 problem details with the fields that Holdfast adds."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    request_id: str
    errors: list[FieldError] | None = None


class Session(Schema):
    token: str
    customer_id: str
    role: Role
    expires_at: AwareDatetime


class Registered(Session):
    version: int


class Customer(Schema):
    customer_id: str


class CustomerVersion(Schema):
    customer_id: str
    version: int


class AddressOut(Schema):
    name: str
    line1: str
    line2: str | None = None
    city: str
    postcode: str
    country: str


class Profile(Schema):
    customer_id: str
    name: str
    email: str
    address: AddressOut | None
    version: int


class Product(Schema):
    product_id: str
    name: str
    category: str
    unit_amount: int
    currency: str
    available: int
    version: int


class ProductDetails(Product):
    description: str
    discontinued: bool | None = None


class CategoryCount(Schema):
    value: str
    count: int


class PriceCount(Schema):
    """How many cost from `from` to `to`, pence, both inclusive as min_amount and max_amount are; null: no bound."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    from_: int | None = Field(alias="from")
    to: int | None
    count: int


class Facets(Schema):
    category: list[CategoryCount]
    price: list[PriceCount]


class Page(Schema):
    next_cursor: str | None
    total: int


class ProductPage(Page):
    items: list[Product]
    facets: Facets


class RecommendationPage(Page):
    items: list[Product]


class CartVersion(Schema):
    cart_id: str
    version: int


class OrderLineOut(Schema):
    product_id: str
    name: str
    quantity: int
    unit_amount: int
    line_amount: int


class CartLineOut(OrderLineOut):
    """`available` stands on a line that cannot be bought as it is; its line_amount is 0."""

    available: int | None = None


class Cart(Schema):
    cart_id: str
    lines: list[CartLineOut]
    total_amount: int
    currency: str
    version: int


class CheckedOut(Schema):
    order_id: str
    status: OrderStatus
    total_amount: int
    currency: str
    version: int


class OrderSummary(Schema):
    order_id: str
    status: OrderStatus
    total_amount: int
    currency: str
    placed_at: AwareDatetime
    version: int


class OrderPage(Page):
    items: list[OrderSummary]


class Order(OrderSummary):
    model_config = ConfigDict(extra="allow")

    lines: list[OrderLineOut]
    shipping_address: AddressOut | None
    refund: Literal["pending", "done"] | None
    carrier: str | None
    tracking: str | None


class HistoryEvent(Schema):
    version: int
    type: str
    recorded_at: AwareDatetime
    data: dict[str, Any]


class HistoryPage(Page):
    items: list[HistoryEvent]


class Cancelled(Schema):
    order_id: str
    status: Literal["cancelled"]
    refund: Literal["pending", "done"] | None
    version: int


class ProductVersion(Schema):
    product_id: str
    version: int


class Shipped(Schema):
    order_id: str
    status: Literal["shipped"]
    version: int


class AdminOrder(OrderSummary):
    customer_id: str


class AdminOrderPage(Page):
    items: list[AdminOrder]


class ProfilePage(Page):
    items: list[Profile]


class SalesDay(Schema):
    day: str
    orders: int
    revenue_amount: int


class TopProduct(Schema):
    product_id: str
    name: str
    quantity: int
    revenue_amount: int


class Sales(Schema):
    orders: int
    revenue_amount: int
    currency: str
    by_day: list[SalesDay]
    top_products: list[TopProduct]


class StreamEvent(HistoryEvent):
    actor: str | None
    correlation_id: str | None
    causation_id: str | None


class StreamHistory(Schema):
    stream_id: str
    version: int
    state: dict[str, Any]
    events: list[StreamEvent]
    next_cursor: str | None
