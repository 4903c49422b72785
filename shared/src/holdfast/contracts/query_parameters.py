"""The query parameters of the public API: one parser and one model for each list, for the gateway and every service.

The gateway sends on `canonical_query` of what it has validated, so what is validated is what is sent. A number is
digits only, a switch `true` or `false`. Blanks around a value are dropped; an empty value counts as not given, for that
is what a form sends for a field left empty.
"""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from functools import cache
from typing import Annotated, Any, Final, Literal, TypeVar, cast
from urllib.parse import quote, unquote_to_bytes

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    ValidationError,
    WithJsonSchema,
)

from holdfast.contracts.cursors import MAX_LENGTH as MAX_CURSOR_LENGTH
from holdfast.contracts.fields import OrderStatus
from holdfast.contracts.inputs import CONTROL_CHARACTER, InputInvalid

MAX_PARAMETERS: Final = 32
MAX_NAME_LENGTH: Final = 100
MAX_VALUE_LENGTH: Final = MAX_CURSOR_LENGTH

MAX_STREAM_EVENTS: Final = 1_000
"""Most events on a page of a stream's history."""

_SHOWN: Final = 80  # characters of a name that an error repeats
_MAX_ENCODED: Final = 12 * MAX_VALUE_LENGTH  # bytes: four of UTF-8, each as %XX
_BLANKS: Final = " \t\r\n"
_YEARS: Final = range(1970, 2201)  # what the stores' times hold, with room
_DIGITS: Final = re.compile(r"[0-9]{1,12}")
_MOMENT: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}:[0-9]{2}))?"
# An unescaped `+` of an offset arrives as a blank.
_MOMENT_AS_SENT: Final = re.compile(_MOMENT.replace("[+-]", "[+ -]"))

P = TypeVar("P", bound="Parameters")
T = TypeVar("T")


def _whole_number(value: object) -> object:
    if isinstance(value, str) and not _DIGITS.fullmatch(value):
        raise ValueError("must be a whole number of at most 12 digits")
    return value


def _true_or_false(value: object) -> object:
    if isinstance(value, str) and value not in ("true", "false"):
        raise ValueError("must be true or false")
    return value


def _utc_day(value: object) -> object:
    """A day, or the UTC day of an RFC 3339 time."""
    if not isinstance(value, str):
        return value
    try:
        if not _MOMENT_AS_SENT.fullmatch(value):
            raise ValueError("neither a day nor a time")
        moment = datetime.fromisoformat(value.replace(" ", "+"))
        day = (moment if moment.tzinfo is None else moment.astimezone(UTC)).date()
        if day.year not in _YEARS:
            raise ValueError("a year that no event has")
    except (ValueError, OverflowError) as error:
        raise ValueError("must be a UTC day such as 2010-12-01, from 1970 to 2200") from error
    return day


class _NeverNull:
    """For OpenAPI: a query parameter is there or not, never null."""

    def __get_pydantic_json_schema__(self, core_schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        described = handler(core_schema)
        given: dict[str, Any] = next(schema for schema in described.pop("anyOf") if schema != {"type": "null"})
        return described | given


_Given = Annotated[T | None, _NeverNull()]
_NUMBER: Final = BeforeValidator(_whole_number)  # after Field, else OpenAPI does not know the bounds
_ABSENT: Any = Field(default_factory=lambda: None)  # a factory keeps the default out of OpenAPI
_RELEVANCE: Any = Field(default_factory=lambda: "relevance")
_FALSE: Any = Field(default_factory=lambda: False)
_Amount = Annotated[_Given[Annotated[int, Field(ge=0, le=10**12 - 1), _NUMBER]], Field(description="in pence")]
_Words = Annotated[str, Field(max_length=200)]
_Day = Annotated[
    _Given[Annotated[date, BeforeValidator(_utc_day), WithJsonSchema({"type": "string", "pattern": f"^{_MOMENT}$"})]],
    Field(description="a day (`2010-12-01`) or an RFC 3339 time"),
]
Sort = Literal["relevance", "price", "-price", "name", "newest", "product_id"]


class Parameters(BaseModel):
    """The query parameters of one call; an unknown one is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class NoParameters(Parameters):
    """A call that takes none."""


class ListParameters(Parameters):
    limit: Annotated[int, Field(ge=1, le=100, description="items a page"), _NUMBER] = 20
    cursor: Annotated[_Given[str], Field(description="`next_cursor` of the page before")] = _ABSENT


class ProductParameters(ListParameters):
    q: Annotated[_Given[_Words], Field(description="words to find; prefixes and a typo are forgiven")] = _ABSENT
    category: _Given[_Words] = _ABSENT
    min_amount: _Amount = _ABSENT
    max_amount: _Amount = _ABSENT
    in_stock: Annotated[bool, BeforeValidator(_true_or_false)] = _FALSE
    sort: Sort = _RELEVANCE


class OrderParameters(ListParameters):
    status: _Given[OrderStatus] = _ABSENT


class AdminOrderParameters(OrderParameters):
    q: _Given[_Words] = _ABSENT


class CustomerParameters(ListParameters):
    q: _Given[_Words] = _ABSENT


class SalesParameters(Parameters):
    from_: Annotated[_Day, Field(alias="from")] = _ABSENT
    to: _Day = _ABSENT


class StreamParameters(Parameters):
    at_version: _Given[Annotated[int, Field(ge=1, le=10**12 - 1), _NUMBER]] = _ABSENT
    limit: Annotated[int, Field(ge=1, le=MAX_STREAM_EVENTS, description="events a page"), _NUMBER] = MAX_STREAM_EVENTS
    cursor: Annotated[_Given[str], Field(description="`next_cursor` of the page before")] = _ABSENT


_NONE_GIVEN: Final[dict[type[Parameters], Parameters]] = {}


def parse_query(model: type[P], raw: bytes) -> P:
    """The parameters of a query string as it came, percent-encoded or as UTF-8.

    Raises InputInvalid: 422 with the pointer `?name` for a parameter that is unknown, repeated, too long, no UTF-8, has
    a control character or a value out of range, and 400 `cursor-invalid` for a cursor that cannot be one.
    """
    if not raw:
        return _none_given(model)
    given = _given(raw)
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise _invalid(error) from error


def canonical_query(parameters: Parameters) -> str:
    """The query string that says the same: sorted by name, percent-encoded ASCII, without what is as by default."""
    if not parameters.model_fields_set:
        return ""
    names = _names(type(parameters))
    defaults = _none_given(type(parameters))
    found = [
        (names[field], value)
        for field in parameters.model_fields_set
        if (value := getattr(parameters, field)) != getattr(defaults, field)
    ]
    return "&".join(f"{name}={_encoded(value)}" for name, value in sorted(found))


def _none_given(model: type[P]) -> P:
    found = _NONE_GIVEN.get(model)
    if found is None:
        found = _NONE_GIVEN[model] = model()
    return cast(P, found)


@cache
def _names(model: type[Parameters]) -> Mapping[str, str]:
    """Field to the name of its parameter."""
    return {name: field.alias or name for name, field in model.model_fields.items()}


def _encoded(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)  # of a date: 2010-12-01
    return text if text.isascii() and text.isalnum() else quote(text, safe="")  # which costs 4 µs


def _given(raw: bytes) -> dict[str, str]:
    """Name to value, without empty ones."""
    parts = raw.split(b"&", MAX_PARAMETERS)
    if len(parts) > MAX_PARAMETERS:
        raise InputInvalid(("?", f"there are at most {MAX_PARAMETERS} parameters"))
    found: dict[str, str] = {}
    for part in parts:
        if not part:
            continue
        raw_name, _, raw_value = part.partition(b"=")
        name = _decoded(raw_name)
        pointer = "?" if name is None else f"?{name[:_SHOWN]}"
        if name is None or len(name) > MAX_NAME_LENGTH:
            raise InputInvalid((pointer, f"a name is UTF-8 and has at most {MAX_NAME_LENGTH} characters"))
        if name in found:
            raise InputInvalid((pointer, "is given twice"))
        found[name] = _checked(name, pointer, raw_value)
    return {name: value for name, value in found.items() if value}


def _decoded(raw: bytes) -> str | None:
    """The text of a percent-encoded name or value, None if it is no UTF-8."""
    try:
        return unquote_to_bytes(raw.replace(b"+", b" ")).decode()
    except UnicodeDecodeError:
        return None


def _checked(name: str, pointer: str, raw: bytes) -> str:
    """The value's text without blanks around it."""
    value = _decoded(raw) if len(raw) <= _MAX_ENCODED else ""
    if value is None:
        detail = "must be UTF-8"
    elif len(raw) > _MAX_ENCODED or len(value) > MAX_VALUE_LENGTH:
        detail = f"has at most {MAX_VALUE_LENGTH:,} characters"
    elif CONTROL_CHARACTER.search(stripped := value.strip(_BLANKS)):
        detail = "must not hold control characters"
    else:
        return stripped
    if name == "cursor":
        raise InputInvalid((pointer, detail), status=400, code="cursor-invalid")
    raise InputInvalid((pointer, detail))


def _invalid(error: ValidationError) -> InputInvalid:
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return InputInvalid(*((f"?{str(one['loc'][0])[:_SHOWN]}", one["msg"]) for one in found))
