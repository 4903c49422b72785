"""The rules that turn a month of invoices into a catalogue, orders and cancellations."""

import gzip
from decimal import Decimal
from pathlib import Path

import pytest

from holdfast_tools.categories import OTHER, category_of
from holdfast_tools.command_line import DATA
from holdfast_tools.matching import match_cancellations
from holdfast_tools.retail import COLUMNS, DataError, median_pence, read_month

ROOT = Path(__file__).parents[2]


def month_of(tmp_path: Path, *rows: str) -> Path:
    path = tmp_path / "month.csv"
    path.write_text("\n".join([",".join(COLUMNS), *rows]) + "\n", encoding="utf-8")
    return path


def test_the_real_month_has_1550_orders_with_goods_and_six_matching_cancellations() -> None:
    month = read_month(ROOT / DATA)
    assert (len(month.orders), len(month.without_goods)) == (1550, 9)
    codes = {product.product_id for product in month.products}
    assert len({code.lower() for code in codes}) == len(codes) - 57
    assert max(len(order.quantities) for order in month.orders) == 673
    matches = match_cancellations(month.orders, month.cancellations)
    assert len(matches.cancels) == 6
    assert len(set(matches.cancels.values())) == 6
    assert sum(matches.unmatched.values()) + 6 == len(month.cancellations)
    sold = sum(sum(order.quantities.values()) for order in month.orders)
    assert sum(product.available for product in month.products) >= sold * 1.2


def test_names_prices_and_stock_follow_the_rules(tmp_path: Path) -> None:
    month = read_month(
        month_of(
            tmp_path,
            "1,85123A,WHITE  HEART ,40,2010-12-01 08:00:00,2.55,17850.0,UK",
            "2,85123A,WHITE HEART,1,2010-12-01 09:00:00,2.56,,UK",
            "3,85123A,A HEART,1,2010-12-01 09:00:00,9.99,,UK",
            "4,85123A,WHITE HEART,1,2010-12-01 09:00:00,1.00,,UK",
            "5,85123a,,1,2010-12-01 09:00:00,0.004,,UK",
        )
    )
    upper, lower = month.products
    assert (upper.product_id, upper.name, upper.unit_amount, upper.available) == ("85123A", "WHITE HEART", 256, 52)
    assert (lower.product_id, lower.name, lower.unit_amount, lower.available) == ("85123a", "85123a", 1, 20)


@pytest.mark.parametrize(
    ("prices", "pence"),
    [(["2.55", "2.56"], 256), (["1.00", "1.01"], 101), (["0.85"], 85), (["1", "2", "9"], 200), (["0.001"], 1)],
)
def test_half_pennies_are_rounded_up(prices: list[str], pence: int) -> None:
    assert median_pence([Decimal(price) for price in prices]) == pence


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("1,POST,POSTAGE,1,2010-12-01 08:00:00,18,1,UK", "postage"),
        ("1,23444,Next Day Carriage,1,2010-12-01 08:00:00,18,1,UK", "postage"),
        ("1,AMAZONFEE,AMAZON FEE,1,2010-12-01 08:00:00,18,1,UK", "fees"),
        ("1,S,SAMPLES,1,2010-12-01 08:00:00,18,1,UK", "samples"),
        ("1,m,Manual,1,2010-12-01 08:00:00,18,1,UK", "adjustments"),
        ("1,ADJUST2,Adjustment by Peter,1,2010-12-01 08:00:00,18,1,UK", "adjustments"),
        ("1,85123A,WHITE HEART,-3,2010-12-01 08:00:00,1,1,UK", "stock correction (quantity 0 or less)"),
        ("1,85123A,WHITE HEART,3,2010-12-01 08:00:00,0,1,UK", "given away or corrected (price 0 or less)"),
        ("C1,85123A,WHITE HEART,-3,2010-12-01 08:00:00,1,1,UK", "cancellation of goods"),
        ("1,A CODE,WHITE HEART,3,2010-12-01 08:00:00,1,1,UK", "no product code"),
    ],
)
def test_what_is_no_sale_of_goods_is_left_out_by_reason(tmp_path: Path, row: str, reason: str) -> None:
    month = read_month(month_of(tmp_path, row))
    assert month.left_out == {reason: 1}
    assert not month.products
    assert not month.orders


def test_a_cancellation_takes_the_newest_earlier_order_with_exactly_its_goods_once(tmp_path: Path) -> None:
    month = read_month(
        month_of(
            tmp_path,
            "1,22041,FRAME,2,2010-12-01 08:00:00,1,7,UK",
            "2,22041,FRAME,1,2010-12-02 08:00:00,1,7,UK",
            "2,22041,FRAME,1,2010-12-02 08:00:00,1,7,UK",
            "3,22041,FRAME,3,2010-12-03 08:00:00,1,7,UK",
            "4,22041,FRAME,2,2010-12-09 08:00:00,1,7,UK",
            "C5,22041,FRAME,-2,2010-12-04 08:00:00,1,7,UK",
            "C6,22041,FRAME,-2,2010-12-05 08:00:00,1,7,UK",
            "C7,22041,FRAME,-2,2010-12-06 08:00:00,1,7,UK",
            "C8,22041,FRAME,-9,2010-12-06 08:00:00,1,7,UK",
            "C9,22041,FRAME,-2,2010-12-06 08:00:00,1,8,UK",
            "C10,22041,FRAME,-2,2010-12-06 08:00:00,1,,UK",
        )
    )
    matches = match_cancellations(month.orders, month.cancellations)
    assert matches.cancels == {"C5": "2", "C6": "1"}
    assert matches.unmatched == {
        "its order is cancelled already": 1,
        "no earlier order with exactly these goods": 1,
        "no earlier order of this customer in the file": 1,
        "no customer named": 1,
    }


@pytest.mark.parametrize(
    ("name", "category"),
    [("SET OF CHRISTMAS CANDLES", "Christmas"), ("JUMBO BAG RED", "Bags"), ("ANTIQUE THING", OTHER)],
)
def test_a_category_is_the_first_rule_with_a_word_of_the_name(name: str, category: str) -> None:
    assert category_of(name) == category


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"a,b\n1,2\n",
        (",".join(COLUMNS) + "\n1,A,B,x,2010-12-01,1,1,UK\n").encode(),
        (",".join(COLUMNS) + "\n1,A,B,1,never,1,1,UK\n").encode(),
        (",".join(COLUMNS) + "\n1,A,B,1,2010-12-01,cheap,1,UK\n").encode(),
        (",".join(COLUMNS) + "\n1,A\n").encode(),
        b"\xff\xfe\x00",
    ],
)
def test_a_file_that_is_no_invoice_list_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"bad\.csv"):
        read_month(path)


def test_a_cut_off_or_missing_file_is_refused(tmp_path: Path) -> None:
    whole = gzip.compress((",".join(COLUMNS) + "\n").encode() * 50)
    path = tmp_path / "cut.csv.gz"
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError):
        read_month(path)
    with pytest.raises(DataError):
        read_month(tmp_path / "none.csv")
