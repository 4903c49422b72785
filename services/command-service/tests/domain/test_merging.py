from hypothesis import given

from command_service.domain.cart import Cart, evolve
from command_service.domain.events import CartCleared, ItemAddedToCart
from command_service.domain.merging import Merged, merge_carts
from command_service.domain.values import MAX_LINE_QUANTITY, ProductId
from command_service.testing.strategies import carts

MUG, LAMP = ProductId("mug"), ProductId("lamp")


def test_the_guests_lines_join_the_customers_cart() -> None:
    assert merge_carts(Cart({MUG: 2, LAMP: 1}), Cart({MUG: 3})) == Merged(
        (CartCleared(),), (ItemAddedToCart(MUG, 2), ItemAddedToCart(LAMP, 1))
    )


def test_an_empty_guests_cart_changes_nothing() -> None:
    assert merge_carts(Cart(), Cart({MUG: 3})) == Merged((), ())


@given(carts, carts)
def test_merging_sums_up_to_the_limit_and_empties_the_guests_cart(guest: Cart, customer: Cart) -> None:
    merged = merge_carts(guest, customer)
    after, left = customer, guest
    for event in merged.customer:
        after = evolve(after, event)
    for event in merged.guest:
        left = evolve(left, event)
    assert left == Cart()
    assert after.lines == {
        each: min(guest.lines.get(each, 0) + customer.lines.get(each, 0), MAX_LINE_QUANTITY)
        for each in {**customer.lines, **guest.lines}
    }
