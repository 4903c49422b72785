"""Bodies that callers send (API.md), parsed at the edge and again by the service that acts.

They are strict: an unknown field, a wrong type, NaN or a control character is refused.
"""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from holdfast.contracts.fields import (
    MAX_AVAILABLE,
    MAX_QUANTITY,
    Email,
    Password,
    Plain,
    ProductId,
    Quantity,
    Text20,
    Text100,
    Text200,
    Text500,
    UnitAmount,
    utf8,
)
from holdfast.contracts.texts import country, visible_text
from holdfast.resilience.protections import ALL, Protection


class Request(BaseModel):
    """A request body: strict types, no unknown field."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Address(Request):
    name: Text200
    line1: Text200
    line2: Annotated[Plain, Field(max_length=200)] | None = None
    city: Text100
    postcode: Text20
    country: Annotated[
        str, Field(pattern="^[A-Z]{2}$", description="ISO 3166-1 alpha-2, an assigned code"), AfterValidator(country)
    ]


class NewSession(Request):
    """`{}` starts a guest; e-mail and password sign in."""

    email: Annotated[str, Field(min_length=1, max_length=254), AfterValidator(visible_text)] | None = None
    password: Annotated[str, Field(min_length=1, max_length=200), AfterValidator(utf8)] | None = None


class NewCustomer(Request):
    email: Email
    password: Password
    name: Text200


class PasswordChange(Request):
    """`password` is the present one."""

    password: Annotated[str, Field(min_length=1, max_length=200), AfterValidator(utf8)]
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
    description: Annotated[Plain, Field(max_length=4_000)] = ""
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
