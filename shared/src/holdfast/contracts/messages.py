"""The published events: one Kafka message for every stored event, in a form that is a contract.

A message's version is its stream's version, so a consumer sees a stream without holes. A private event is published as
`Unpublished` without data and still advances the version (CORRECTNESS 16).
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, Literal, get_args

import orjson
from pydantic import AwareDatetime, BaseModel, ConfigDict, TypeAdapter, ValidationError
from typing_extensions import TypedDict  # pydantic wants this one before Python 3.12

Topic = Literal["carts", "orders", "products", "customers"]
TOPICS: Final[tuple[Topic, ...]] = get_args(Topic)
TOPIC_OF_KIND: Final[Mapping[str, Topic]] = {
    "cart": "carts",
    "order": "orders",
    "product": "products",
    "customer": "customers",
}
PARTITIONS: Final = 6
DEAD_LETTERS: Final = "dead-letters"
HEARTBEATS: Final = "heartbeats"
UNPUBLISHED: Final = "Unpublished"


class MalformedMessage(Exception):
    """Bytes from a topic that are not a message of this contract. Field: `reason`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Message(BaseModel):
    """One published event.

    `stream_id` is `<kind>-<id>`, `version` counts the stream's events from 1, `position` is the event's place in the
    store, `data` the published form of `type` at `schema_version`, `metadata` holds `correlation_id`,
    `causation_id` and `traceparent` as far as known.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    stream_id: str
    version: int
    type: str
    schema_version: int
    recorded_at: AwareDatetime
    position: int
    data: dict[str, Any]
    metadata: dict[str, str | None]

    @property
    def kind(self) -> str:
        return self.stream_id.partition("-")[0]

    @property
    def aggregate_id(self) -> str:
        return self.stream_id.partition("-")[2]

    @property
    def topic(self) -> Topic:
        return TOPIC_OF_KIND[self.kind]

    def to_bytes(self) -> bytes:
        return orjson.dumps(self.model_dump(mode="python"), option=orjson.OPT_UTC_Z)

    @classmethod
    def from_bytes(cls, value: bytes) -> "Message":
        """Read a message's bytes. Raises MalformedMessage."""
        try:
            return cls.model_validate_json(value)
        except ValidationError as error:
            raise MalformedMessage(f"not a message: {error.error_count()} errors") from error


class Heartbeat(BaseModel):
    """How far the relay has drained the outbox.

    Everything recorded before `drained_at` lies in the topics at or below `offsets[topic][partition]`, the last
    acknowledged offset of each partition (-1: none).
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    drained_at: AwareDatetime
    offsets: dict[str, list[int]]

    def to_bytes(self) -> bytes:
        return self.model_dump_json().encode()

    @classmethod
    def from_bytes(cls, value: bytes) -> "Heartbeat":
        """Read a heartbeat's bytes. Raises MalformedMessage."""
        try:
            return cls.model_validate_json(value)
        except ValidationError as error:
            raise MalformedMessage(f"not a heartbeat: {error.error_count()} errors") from error


class CartLine(TypedDict):
    product_id: str
    quantity: int


class OrderLine(TypedDict):
    product_id: str
    name: str
    quantity: int
    unit_amount: int


class AddressData(TypedDict):
    name: str
    line1: str
    line2: str | None
    city: str
    postcode: str
    country: str


# The published data of each event type at schema_version 1. Topic carts:


class ItemAddedToCart(TypedDict):
    """`quantity` is what was added."""

    product_id: str
    quantity: int


class ItemQuantityChanged(TypedDict):
    """`quantity` is the line's new quantity, at least 1."""

    product_id: str
    quantity: int


class ItemRemovedFromCart(TypedDict):
    product_id: str


class CartCleared(TypedDict):
    pass


class CartCheckedOut(TypedDict):
    """The cart is empty afterwards."""

    order_id: str


class CartRestored(TypedDict):
    """A declined payment's lines; each quantity is added to what the cart holds by now."""

    order_id: str
    lines: list[CartLine]


# Topic orders:


class OrderPlaced(TypedDict):
    """The snapshot of names and prices at checkout; total_amount in pence; recorded_at is placed_at."""

    customer_id: str
    lines: list[OrderLine]
    total_amount: int
    currency: str
    shipping_address: AddressData | None


class PaymentCaptured(TypedDict):
    amount: int
    currency: str


class PaymentDeclined(TypedDict):
    reason: str


class OrderCancelled(TypedDict):
    """`refund` is "pending" when a captured payment has to be given back, else None."""

    reason: str
    refund: Literal["pending"] | None


class PaymentRefunded(TypedDict):
    amount: int
    currency: str


class OrderShipped(TypedDict):
    carrier: str | None
    tracking: str | None


# Topic products; `available` is the number after the event:


class ProductCreated(TypedDict):
    name: str
    description: str
    category: str
    unit_amount: int
    currency: str
    available: int


class PriceChanged(TypedDict):
    unit_amount: int
    currency: str


class StockAdjusted(TypedDict):
    delta: int
    available: int
    reason: str


class StockReserved(TypedDict):
    order_id: str
    quantity: int
    available: int


class StockReleased(TypedDict):
    order_id: str
    quantity: int
    available: int


class ProductDiscontinued(TypedDict):
    pass


class ProductRelisted(TypedDict):
    pass


# Topic customers:


class CustomerRegistered(TypedDict):
    """The e-mail as typed; role is "customer" or "admin"."""

    email: str
    name: str
    role: str


class ProfileUpdated(TypedDict):
    name: str
    email: str
    address: AddressData | None


_TYPES: Final[Mapping[Topic, tuple[type[Any], ...]]] = {
    "carts": (ItemAddedToCart, ItemQuantityChanged, ItemRemovedFromCart, CartCleared, CartCheckedOut, CartRestored),
    "orders": (OrderPlaced, PaymentCaptured, PaymentDeclined, OrderCancelled, PaymentRefunded, OrderShipped),
    "products": (
        ProductCreated,
        PriceChanged,
        StockAdjusted,
        StockReserved,
        StockReleased,
        ProductDiscontinued,
        ProductRelisted,
    ),
    "customers": (CustomerRegistered, ProfileUpdated),
}
_DATA: Final[Mapping[str, tuple[Topic, TypeAdapter[Any]]]] = {
    data.__name__: (topic, TypeAdapter(data)) for topic, types in _TYPES.items() for data in types
}


def check_data(message: Message) -> None:
    """Raise MalformedMessage unless the message's type and data are of this contract and on their topic."""
    if message.type == UNPUBLISHED and not message.data:
        return
    known = _DATA.get(message.type)
    if known is None or message.schema_version != 1:
        raise MalformedMessage(f"unknown type {message.type} of schema version {message.schema_version}")
    topic, adapter = known
    if TOPIC_OF_KIND.get(message.kind) != topic:
        raise MalformedMessage(f"{message.type} on a stream of kind {message.kind}")
    try:
        adapter.validate_python(message.data, strict=True)
    except ValidationError as error:
        raise MalformedMessage(f"{message.type}: {error.error_count()} errors in its data") from error


def rfc3339(moment: datetime) -> str:
    """An aware time in UTC as RFC 3339 with microseconds and Z."""
    return orjson.dumps(moment.astimezone(UTC), option=orjson.OPT_UTC_Z).decode().strip('"')
