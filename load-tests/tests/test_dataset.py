"""Demand out of the real orders."""

import random
from collections import Counter
from pathlib import Path

import pytest

from gameday.workload.dataset import LINES, QUANTITIES, Dataset, read_dataset
from holdfast_tools.command_line import UserError
from holdfast_tools.retail import read_month

DATA = Path(__file__).parents[2] / "data/online-retail/2010-12.csv.gz"


@pytest.fixture(scope="module")
def real() -> Dataset:
    return read_dataset(DATA)


def test_products_come_as_often_as_they_were_bought(real: Dataset) -> None:
    dice = random.Random(1)
    bought = Counter(product for order in read_month(DATA).orders for product in order.quantities)
    drawn = Counter(real.product(dice) for _ in range(50_000))
    hottest = [product for product, _ in bought.most_common(50)]
    expected = sum(bought[product] for product in hottest) / bought.total()
    assert sum(drawn[product] for product in hottest) / 50_000 == pytest.approx(expected, rel=0.1)
    assert drawn["85123A"] > 3 * drawn.total() / len(bought)


def test_somebody_comes_as_often_as_a_real_customer_did_and_buys_from_that_customers_baskets(real: Dataset) -> None:
    dice = random.Random(2)
    orders = read_month(DATA).orders
    visits = [real.visits(dice) for _ in range(2_000)]
    customers = len({order.customer or order.number for order in orders})
    assert sum(map(len, visits)) / len(visits) == pytest.approx(len(orders) / customers, rel=0.1)
    real_baskets = {tuple(sorted(order.quantities)) for order in orders}
    for basket in visits[0]:
        products = {product for product, _ in basket}
        assert any(products <= set(known) for known in real_baskets)


def test_baskets_are_cut_to_a_few_different_lines(real: Dataset) -> None:
    dice = random.Random(3)
    for _ in range(300):
        for basket in real.visits(dice):
            assert len(basket) in LINES
            assert len({product for product, _ in basket}) == len(basket)
            assert all(quantity in QUANTITIES for _, quantity in basket)


def test_searches_are_words_of_real_names_with_a_typo_now_and_then(real: Dataset) -> None:
    dice = random.Random(4)
    words = {word for name in real.words for word in name.split()}
    searches = [real.search(dice) for _ in range(3_000)]
    right = sum(all(word in words for word in text.split()) for text in searches)
    assert 0.9 <= right / len(searches) < 0.97  # one in ten has a letter left out, if it is long enough
    assert all(text.strip() for text in searches)


def test_a_file_that_is_none_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="No such file"):
        read_dataset(tmp_path / "nothing.csv")
