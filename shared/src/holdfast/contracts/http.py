"""The public API's request and answer models (API.md), used at the edge and again by the service that acts.

Requests are strict: an unknown field, a wrong type, NaN or a control character is refused. Answers are described
here for OpenAPI; services may build them as plain dicts of the same shape.
"""

import unicodedata
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from holdfast.contracts.texts import country, email_address, not_blank, visible_text
from holdfast.resilience.protections import ALL, Protection

CURRENCY: Final = "GBP"
MAX_LINES: Final = 2_000
MAX_QUANTITY: Final = 100_000
MAX_UNIT_AMOUNT: Final = 10_000_000
MAX_AVAILABLE: Final = 10_000_000
PRODUCT_ID_PATTERN: Final = (
    r"^([A-Za-z0-9_-][A-Za-z0-9._-]{0,39}|[.][A-Za-z0-9_-][A-Za-z0-9._-]{0,38}|[.]{2}[A-Za-z0-9._-]{1,38})$"
)
"""1 to 40 characters, but not `.` and `..`, which name other paths in a URL. To be matched as a whole."""
UUID_PATTERN: Final = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"


def _utf8(value: str) -> str:
    value.encode()  # UnicodeEncodeError is a ValueError
    return value


def _nfc(value: str) -> str:
    return unicodedata.normalize("NFC", _utf8(value))


_Plain = Annotated[str, AfterValidator(visible_text)]
_Text = Annotated[_Plain, AfterValidator(not_blank)]
Text20 = Annotated[_Text, Field(min_length=1, max_length=20)]
Text100 = Annotated[_Text, Field(min_length=1, max_length=100)]
Text200 = Annotated[_Text, Field(min_length=1, max_length=200)]
Text500 = Annotated[_Text, Field(min_length=1, max_length=500)]
ProductId = Annotated[str, Field(pattern=PRODUCT_ID_PATTERN)]
Uuid = Annotated[str, Field(pattern=UUID_PATTERN)]
Quantity = Annotated[int, Field(ge=1, le=MAX_QUANTITY)]
UnitAmount = Annotated[int, Field(ge=1, le=MAX_UNIT_AMOUNT)]
Email = Annotated[str, Field(min_length=3, max_length=254), AfterValidator(email_address)]
Password = Annotated[str, Field(min_length=10, max_length=200), AfterValidator(_nfc)]
Role = Literal["guest", "customer", "admin"]
OrderStatus = Literal["awaiting_payment", "paid", "payment_declined", "shipped", "cancelled"]


class Request(BaseModel):
    """A request body: strict types, no unknown field."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Answer(BaseModel):
    """An answer's shape, for OpenAPI."""

    model_config = ConfigDict(extra="forbid")


# --- requests ---


class Address(Request):
    name: Text200
    line1: Text200
    line2: Annotated[_Plain, Field(max_length=200)] | None = None
    city: Text100
    postcode: Text20
    country: Annotated[
        str, Field(pattern="^[A-Z]{2}$", description="ISO 3166-1 alpha-2, an assigned code"), AfterValidator(country)
    ]


class NewSession(Request):
    """`{}` starts a guest; e-mail and password sign in."""

    email: Annotated[str, Field(min_length=1, max_length=254), AfterValidator(visible_text)] | None = None
    password: Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_utf8)] | None = None


class NewCustomer(Request):
    email: Email
    password: Password
    name: Text200


class PasswordChange(Request):
    """`password` is the present one."""

    password: Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_utf8)]
    new_password: Password


class ProfileChange(Request):
    name: Text200
    email: Email
    address: Address | None = None


class CartItem(Request):
    product_id: ProductId
    quantity: Quantity


class CartQuantity(Request):
    quantity: Annotated[int, Field(ge=0, le=MAX_QUANTITY)]


class Checkout(Request):
    payment_token: Text200
    shipping_address: Address | None = None
    expected_total_amount: Annotated[int, Field(ge=0, le=2**53)] | None = None


class Cancel(Request):
    reason: Text500


class NewProduct(Request):
    product_id: ProductId
    name: Text200
    description: Annotated[_Plain, Field(max_length=4_000)] = ""
    category: Text100
    unit_amount: UnitAmount
    available: Annotated[int, Field(ge=0, le=MAX_AVAILABLE)]


class PriceChange(Request):
    unit_amount: UnitAmount


class StockChange(Request):
    delta: Annotated[int, Field(ge=-MAX_AVAILABLE, le=MAX_AVAILABLE)]
    reason: Text500


class Shipment(Request):
    carrier: Text100 | None = None
    tracking: Text100 | None = None


class ProtectionsWanted(Request):
    """Either `off`, exactly the protections that are to be off, or `containment`: all of them off, or all on."""

    off: Annotated[list[Protection], Field(max_length=len(ALL))] | None = None
    containment: Literal["on", "off"] | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if (self.off is None) == (self.containment is None):
            raise ValueError("exactly one of off and containment has to be given")
        return self

    @property
    def switched_off(self) -> frozenset[Protection]:
        if self.containment is not None:
            return frozenset(ALL if self.containment == "off" else ())
        return frozenset(self.off or ())


# --- answers ---


class FieldError(Answer):
    pointer: str
    detail: str


class ShortLine(Answer):
    product_id: str
    requested: int
    available: int


class ProblemBody(Answer):
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


class Session(Answer):
    token: str
    customer_id: str
    role: Role
    expires_at: AwareDatetime


class Registered(Session):
    version: int


class Customer(Answer):
    customer_id: str


class CustomerVersion(Answer):
    customer_id: str
    version: int


class AddressOut(Answer):
    name: str
    line1: str
    line2: str | None = None
    city: str
    postcode: str
    country: str


class Profile(Answer):
    customer_id: str
    name: str
    email: str
    address: AddressOut | None
    version: int


class Product(Answer):
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


class CategoryCount(Answer):
    value: str
    count: int


class PriceCount(Answer):
    """How many cost from `from` to `to`, pence, both inclusive as min_amount and max_amount are; null: no bound."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    from_: int | None = Field(alias="from")
    to: int | None
    count: int


class Facets(Answer):
    category: list[CategoryCount]
    price: list[PriceCount]


class Page(Answer):
    next_cursor: str | None
    total: int


class ProductPage(Page):
    items: list[Product]
    facets: Facets


class RecommendationPage(Page):
    items: list[Product]


class CartVersion(Answer):
    cart_id: str
    version: int


class OrderLineOut(Answer):
    product_id: str
    name: str
    quantity: int
    unit_amount: int
    line_amount: int


class CartLineOut(OrderLineOut):
    """`available` stands on a line that cannot be bought as it is; its line_amount is 0."""

    available: int | None = None


class Cart(Answer):
    cart_id: str
    lines: list[CartLineOut]
    total_amount: int
    currency: str
    version: int


class CheckedOut(Answer):
    order_id: str
    status: OrderStatus
    total_amount: int
    currency: str
    version: int


class OrderSummary(Answer):
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


class HistoryEvent(Answer):
    version: int
    type: str
    recorded_at: AwareDatetime
    data: dict[str, Any]


class HistoryPage(Page):
    items: list[HistoryEvent]


class Cancelled(Answer):
    order_id: str
    status: Literal["cancelled"]
    refund: Literal["pending", "done"] | None
    version: int


class ProductVersion(Answer):
    product_id: str
    version: int


class Shipped(Answer):
    order_id: str
    status: Literal["shipped"]
    version: int


class AdminOrder(OrderSummary):
    customer_id: str


class AdminOrderPage(Page):
    items: list[AdminOrder]


class ProfilePage(Page):
    items: list[Profile]


class SalesDay(Answer):
    day: str
    orders: int
    revenue_amount: int


class TopProduct(Answer):
    product_id: str
    name: str
    quantity: int
    revenue_amount: int


class Sales(Answer):
    orders: int
    revenue_amount: int
    currency: str
    by_day: list[SalesDay]
    top_products: list[TopProduct]


class StreamEvent(HistoryEvent):
    actor: str | None
    correlation_id: str | None
    causation_id: str | None


class StreamHistory(Answer):
    stream_id: str
    version: int
    state: dict[str, Any]
    events: list[StreamEvent]
    next_cursor: str | None
