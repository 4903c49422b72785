"""The query parameters of the public API's lists. Read strictly: a number is digits only, a switch `true` or `false`.

An empty parameter counts as not given: that is what a form sends for a field left empty. What passes here means the
same to every parser behind the gateway, which gets the text as it came.
"""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from holdfast.contracts.http import OrderStatus

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def _digits(value: Any) -> Any:
    if isinstance(value, str) and not re.fullmatch(r"[0-9]{1,12}", value):
        raise ValueError("must be a whole number of at most 12 digits")
    return value


def _true_or_false(value: Any) -> Any:
    if isinstance(value, str) and value not in ("true", "false"):
        raise ValueError("must be true or false")
    return value


def _no_control(value: str) -> str:
    if _CONTROL.search(value):
        raise ValueError("must not hold control characters")
    return value


_DIGITS = BeforeValidator(_digits)  # after Field, else OpenAPI does not know the bounds
# A query parameter is there or not, never null: with `| None` OpenAPI would offer null, and each error would come
# twice. Nobody reads these models' values. The factory keeps a default out of OpenAPI.
_ABSENT: Any = Field(default_factory=lambda: None)
_Amount = Annotated[int, Field(ge=0, le=10**12 - 1, description="in pence"), _DIGITS]
_Switch = Annotated[bool, BeforeValidator(_true_or_false)]
_Words = Annotated[str, Field(max_length=200), AfterValidator(_no_control)]
_Moment = Annotated[
    str,
    Field(
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}:[0-9]{2}))?$",
        description="a day (`2010-12-01`) or an RFC 3339 time",
    ),
]


class Parameters(BaseModel):
    """Query parameters: an unknown one is refused."""

    model_config = ConfigDict(extra="forbid")


class NoParameters(Parameters):
    """A call that takes none."""


class ListParameters(Parameters):
    limit: Annotated[int, Field(ge=1, le=100, description="items a page"), _DIGITS] = 20
    cursor: Annotated[str, Field(description="`next_cursor` of the page before")] = _ABSENT


class ProductParameters(ListParameters):
    q: Annotated[_Words, Field(description="words to find; prefixes and a typo are forgiven")] = _ABSENT
    category: Annotated[str, Field(max_length=200), AfterValidator(_no_control)] = _ABSENT
    min_amount: _Amount = _ABSENT
    max_amount: _Amount = _ABSENT
    in_stock: _Switch = _ABSENT
    sort: Literal["relevance", "price", "-price", "name", "newest"] = _ABSENT


class OrderParameters(ListParameters):
    status: OrderStatus = _ABSENT


class AdminOrderParameters(OrderParameters):
    q: _Words = _ABSENT


class CustomerParameters(ListParameters):
    q: _Words = _ABSENT


class SalesParameters(Parameters):
    from_: Annotated[_Moment, Field(alias="from")] = _ABSENT
    to: _Moment = _ABSENT


class StreamParameters(Parameters):
    at_version: Annotated[int, Field(ge=1, le=10**12 - 1), _DIGITS] = _ABSENT
