from hypothesis import given
from hypothesis import strategies as st

from command_service.domain.cart import Cart
from command_service.domain.checkout import Checkout, PlacedOrder, place_order
from command_service.domain.events import CartCheckedOut, OrderPlaced, StockReserved
from command_service.domain.product import Discontinued, Listed, NoProduct, Product, evolve
from command_service.domain.refusals import CartIsEmpty, OutOfStock, ProductsAreDiscontinued, Shortage, TotalChanged
from command_service.domain.values import OrderLine, ProductId
from command_service.testing.strategies import ADDRESS, CUSTOMER, ORDER, carts, listed, product_ids

MUG, LAMP, TRAY = ProductId("mug"), ProductId("lamp"), ProductId("tray")
CHECKOUT = Checkout(ORDER, CUSTOMER, ADDRESS, None)


def _listed(name: str, unit_amount: int, available: int) -> Listed:
    return Listed(name, "", "Kitchen", unit_amount, "GBP", available)


PRODUCTS: dict[ProductId, Product] = {MUG: _listed("A mug", 250, 10), LAMP: _listed("A lamp", 1_000, 1)}


def test_an_order_takes_the_snapshot_of_names_and_prices_and_the_stock() -> None:
    placed = place_order(Cart({MUG: 3, LAMP: 1}), PRODUCTS, CHECKOUT)
    assert isinstance(placed, PlacedOrder)
    assert (placed.total_amount, placed.currency) == (1_750, "GBP")
    lines = (OrderLine(MUG, "A mug", 3, 250), OrderLine(LAMP, "A lamp", 1, 1_000))
    assert placed.changes.order == (OrderPlaced(CUSTOMER, lines, 1_750, "GBP", ADDRESS),)
    assert placed.changes.cart == (CartCheckedOut(ORDER),)
    assert placed.changes.products == {MUG: (StockReserved(ORDER, 3, 7),), LAMP: (StockReserved(ORDER, 1, 0),)}


def test_an_empty_cart_is_not_ordered() -> None:
    assert place_order(Cart(), PRODUCTS, CHECKOUT) == CartIsEmpty()


def test_every_short_line_is_named_and_none_is_served() -> None:
    assert place_order(Cart({MUG: 11, LAMP: 2}), PRODUCTS, CHECKOUT) == OutOfStock(
        (Shortage(MUG, 11, 10), Shortage(LAMP, 2, 1))
    )


def test_every_line_that_is_no_longer_sold_is_named() -> None:
    products = {**PRODUCTS, TRAY: Discontinued(_listed("A tray", 5, 4))}
    cart = Cart({MUG: 99, TRAY: 2, ProductId("ghost"): 1})
    assert place_order(cart, products, CHECKOUT) == ProductsAreDiscontinued(
        (Shortage(TRAY, 2, 0), Shortage(ProductId("ghost"), 1, 0))
    )


def test_a_changed_total_is_told_instead_of_charged() -> None:
    cart = Cart({MUG: 2})
    assert place_order(cart, PRODUCTS, Checkout(ORDER, CUSTOMER, None, 499)) == TotalChanged(500)
    assert isinstance(place_order(cart, PRODUCTS, Checkout(ORDER, CUSTOMER, None, 500)), PlacedOrder)


products = st.dictionaries(
    product_ids, st.one_of(listed, st.builds(Discontinued, listed), st.just(NoProduct())), max_size=4
)


@given(carts, products)
def test_a_checkout_is_whole_or_nothing_and_never_oversells(cart: Cart, products: dict[ProductId, Product]) -> None:
    placed = place_order(cart, products, CHECKOUT)
    servable = bool(cart.lines) and all(
        isinstance(product := products.get(each), Listed) and product.available >= quantity
        for each, quantity in cart.lines.items()
    )
    assert isinstance(placed, PlacedOrder) == servable
    if not isinstance(placed, PlacedOrder):
        return
    assert set(placed.changes.products) == set(cart.lines)
    total = 0
    for product_id, events in placed.changes.products.items():
        before, after = products[product_id], evolve(products[product_id], events[0])
        assert isinstance(before, Listed)
        assert isinstance(after, Listed)
        assert after.available == before.available - cart.lines[product_id] >= 0
        total += before.unit_amount * cart.lines[product_id]
    assert placed.total_amount == total
