"""Reads the real shop's invoice lines and sorts them into goods, orders and cancellations, by stated rules.

Source of the data: see data/online-retail/README.md.
"""

import csv
import gzip
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Final

from holdfast_tools.categories import category_of

COLUMNS: Final = (
    "InvoiceNo",
    "StockCode",
    "Description",
    "Quantity",
    "InvoiceDate",
    "UnitPrice",
    "CustomerID",
    "Country",
)
MIN_STOCK: Final = 20
_PRODUCT_ID = re.compile(r"[A-Za-z0-9._-]{1,40}")

# Codes that name a service of the shop and no goods, each with the reason the report gives.
_SERVICES: Final[Mapping[str, str]] = {
    "POST": "postage",
    "DOT": "postage",
    "C2": "postage",
    "C3": "postage",
    "BANK CHARGES": "fees",
    "AMAZONFEE": "fees",
    "CRUK": "fees",
    "S": "samples",
    "PADS": "samples",
    "D": "adjustments",
    "M": "adjustments",
    "B": "adjustments",
}
_POSTAGE = re.compile(r"\b(POSTAGE|CARRIAGE)\b", re.IGNORECASE)
_ADJUSTMENT = re.compile(r"^(ADJUST|TEST|GIFT_VOUCHER)", re.IGNORECASE)


class DataError(Exception):
    """A file that is no such invoice list; the message names the file, the line and what is wrong."""


@dataclass(frozen=True, slots=True)
class Line:
    """One invoice line. `price` is in pounds as the shop wrote it, `customer` "" for a guest."""

    invoice: str
    code: str
    description: str
    quantity: int
    at: datetime
    price: Decimal
    customer: str

    @property
    def cancels(self) -> bool:
        return self.invoice.upper().startswith("C")


@dataclass(frozen=True, slots=True)
class Product:
    """A product to create; `unit_amount` in pence."""

    product_id: str
    name: str
    category: str
    unit_amount: int
    available: int


@dataclass(frozen=True, slots=True)
class Invoice:
    """One real order or cancellation: product → quantity, and → pounds as the shop `billed` them."""

    number: str
    customer: str
    at: datetime
    quantities: Mapping[str, int]
    billed: Mapping[str, Decimal]
    lines: int


@dataclass(frozen=True, slots=True)
class Month:
    """Products by id, orders and cancellations by time, left-out lines by reason, sales without any goods."""

    products: Sequence[Product]
    orders: Sequence[Invoice]
    cancellations: Sequence[Invoice]
    left_out: Mapping[str, int]
    without_goods: Sequence[str]
    total_lines: int


def read_lines(path: Path) -> Iterator[Line]:
    """The file's lines, gzipped or not. Raises DataError."""
    opener = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rt", encoding="utf-8", newline="") as file:
            rows = csv.DictReader(file)
            missing = [column for column in COLUMNS if column not in (rows.fieldnames or ())]
            if missing:
                raise DataError(f"{path}: no column {', '.join(missing)}")
            for number, row in enumerate(rows, start=2):
                yield _line(path, number, row)
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: {error}") from error


def _line(path: Path, number: int, row: Mapping[str, str]) -> Line:
    try:
        return Line(
            invoice=row["InvoiceNo"].strip(),
            code=row["StockCode"].strip(),
            description=" ".join(row["Description"].split()),
            quantity=int(row["Quantity"]),
            at=datetime.fromisoformat(row["InvoiceDate"]),
            price=Decimal(row["UnitPrice"]),
            customer=row["CustomerID"].strip().removesuffix(".0"),
        )
    except (ValueError, InvalidOperation, AttributeError) as error:
        raise DataError(f"{path}, line {number}: {error}") from error


def reason_left_out(line: Line) -> str | None:
    """Why a line is no goods, or None. Order matters: what a line is comes before how it was booked."""
    if line.code.upper() in _SERVICES:
        return _SERVICES[line.code.upper()]
    if _POSTAGE.search(line.description):
        return "postage"
    if _ADJUSTMENT.match(line.code):
        return "adjustments"
    if not _PRODUCT_ID.fullmatch(line.code):
        return "no product code"
    if line.cancels:
        return "cancellation of goods"
    if line.quantity <= 0:
        return "stock correction (quantity 0 or less)"
    if line.price <= 0:
        return "given away or corrected (price 0 or less)"
    return None


def read_month(path: Path) -> Month:
    """Sort a month's file. Raises DataError."""
    lines = list(read_lines(path))
    reasons = [reason_left_out(line) for line in lines]
    goods = [line for line, reason in zip(lines, reasons, strict=True) if reason is None]
    cancelling = [line for line, why in zip(lines, reasons, strict=True) if why == "cancellation of goods"]
    orders = _invoices(goods, sign=1)
    sales = {line.invoice for line in lines if line.quantity > 0 and line.price > 0 and not line.cancels}
    return Month(
        products=_products(goods),
        orders=orders,
        cancellations=_invoices(cancelling, sign=-1),
        left_out=Counter(reason for reason in reasons if reason is not None),
        without_goods=sorted(sales - {order.number for order in orders}),
        total_lines=len(lines),
    )


def _products(goods: Iterable[Line]) -> list[Product]:
    by_code: defaultdict[str, list[Line]] = defaultdict(list)
    for line in goods:
        by_code[line.code].append(line)
    return [_product(code, by_code[code]) for code in sorted(by_code)]


def _product(code: str, lines: Sequence[Line]) -> Product:
    names = Counter(line.description for line in lines if line.description)
    # The commonest description; of several the first in the alphabet, so that every load agrees.
    name = min(names, key=lambda text: (-names[text], text))[:200] if names else code
    sold = sum(line.quantity for line in lines)
    return Product(
        product_id=code,
        name=name,
        category=category_of(name),
        unit_amount=median_pence([line.price for line in lines]),
        available=max(MIN_STOCK, -(-sold * 12 // 10)),
    )


def median_pence(prices: Sequence[Decimal]) -> int:
    """The median of the lines' prices (pounds) in whole pence, half pennies rounded up, at least 1."""
    ordered = sorted(prices)
    middle = (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) * 50
    return max(1, int(middle + Decimal("0.5")))


def _invoices(lines: Iterable[Line], sign: int) -> list[Invoice]:
    by_number: defaultdict[str, list[Line]] = defaultdict(list)
    for line in lines:
        by_number[line.invoice].append(line)
    invoices = [_invoice(number, of, sign) for number, of in by_number.items()]
    return sorted(invoices, key=lambda invoice: (invoice.at, invoice.number))


def _invoice(number: str, lines: Sequence[Line], sign: int) -> Invoice:
    quantities: Counter[str] = Counter()
    billed: defaultdict[str, Decimal] = defaultdict(Decimal)
    for line in lines:
        quantities[line.code] += sign * line.quantity
        billed[line.code] += sign * line.quantity * line.price
    return Invoice(
        number=number,
        customer=lines[0].customer,
        at=min(line.at for line in lines),
        quantities=dict(quantities),
        billed=dict(billed),
        lines=len(lines),
    )
