"""The fields that bodies of the public API are made of (API.md): limits, patterns and strict types."""

import unicodedata
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field

from holdfast.contracts.texts import email_address, not_blank, visible_text

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


def utf8(value: str) -> str:
    """Raises ValueError for half of a surrogate pair."""
    value.encode()  # UnicodeEncodeError is a ValueError
    return value


def _nfc(value: str) -> str:
    return unicodedata.normalize("NFC", utf8(value))


Plain = Annotated[str, AfterValidator(visible_text)]
_Text = Annotated[Plain, AfterValidator(not_blank)]
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
