"""Query parameters, read strictly: an unknown or repeated one, a control character, a number out of range are 422.

An empty parameter counts as not given: that is what a form sends for a field left empty.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Annotated, Any, Final, Literal, TypeVar

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from holdfast.contracts.http import OrderStatus
from query_service.search.products import Sort

_DIGITS: Final = re.compile(r"[0-9]{1,12}")
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_YEARS: Final = range(1970, 2201)  # what the stores' times hold, with room

P = TypeVar("P", bound="Parameters")


def _whole_number(value: object) -> object:
    if not (isinstance(value, str) and _DIGITS.fullmatch(value)):
        raise ValueError("must be a whole number of at most 12 digits")
    return int(value)


def _truth(value: object) -> object:
    if value not in ("true", "false"):
        raise ValueError("must be true or false")
    return value == "true"


def _no_control(value: str) -> str:
    if _CONTROL.search(value):
        raise ValueError("must not hold control characters")
    return value


def _utc_day(value: object) -> object:
    """A day, or the UTC day of an RFC 3339 time."""
    try:
        assert isinstance(value, str)
        if _DAY.fullmatch(value):
            day = date.fromisoformat(value)
        else:
            moment = datetime.fromisoformat(value)
            assert moment.tzinfo is not None
            day = moment.astimezone(UTC).date()
        assert day.year in _YEARS
    except (AssertionError, ValueError, OverflowError) as error:
        raise ValueError("must be a UTC day such as 2010-12-01, from 1970 to 2200") from error
    return day


_Text = Annotated[str, Field(max_length=200), AfterValidator(_no_control)]
_Limit = Annotated[int, BeforeValidator(_whole_number), Field(ge=1, le=100)]
_Amount = Annotated[int, BeforeValidator(_whole_number)]
_Day = Annotated[date, BeforeValidator(_utc_day)]


class Parameters(BaseModel):
    """The query of one call."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Nothing(Parameters):
    """A call without query parameters."""


class Listed(Parameters):
    limit: _Limit = 20
    cursor: str | None = None


class ProductList(Listed):
    q: _Text | None = None
    category: _Text | None = None
    min_amount: _Amount | None = None
    max_amount: _Amount | None = None
    in_stock: Annotated[bool, BeforeValidator(_truth)] = False
    sort: Sort = "relevance"


class OwnOrders(Listed):
    status: OrderStatus | None = None


class AllOrders(OwnOrders):
    q: _Text | None = None


class AllCustomers(Listed):
    q: _Text | None = None


class SalesPeriod(Parameters):
    from_: Annotated[_Day | None, Field(alias="from")] = None
    to: _Day | None = None


def read(parameters: type[P]) -> Callable[[Request], P]:
    """A reader of this call's query. It raises RequestValidationError."""

    def of(request: Request) -> P:
        return parse(parameters, request.query_params.multi_items())

    return of


def parse(parameters: type[P], items: list[tuple[str, str]]) -> P:
    """The parameters out of name and value pairs. Raises RequestValidationError."""
    given: dict[str, str] = {}
    for name, value in items:
        if name in given:
            raise RequestValidationError([_error("repeated", name, "must be given once")])
        given[name] = value
    try:
        return parameters.model_validate({name: value.strip(" ") for name, value in given.items() if _given(value)})
    except ValidationError as error:
        raise RequestValidationError([_located(one) for one in error.errors(include_url=False)]) from error


def _given(value: str) -> bool:
    return value.strip(" ") != ""


def _located(error: Mapping[str, Any]) -> dict[str, Any]:
    return {**error, "loc": ("query", *error["loc"])}


def _error(kind: Literal["repeated"], name: str, message: str) -> dict[str, Any]:
    return {"type": kind, "loc": ("query", name), "msg": message}
