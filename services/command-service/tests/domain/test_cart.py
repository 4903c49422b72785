from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from command_service.domain.cart import AddItem, Cart, ChangeQuantity, Clear, RemoveItem, decide, evolve, fitting
from command_service.domain.events import (
    CartCheckedOut,
    CartCleared,
    CartRestored,
    ItemAddedToCart,
    ItemQuantityChanged,
    ItemRemovedFromCart,
)
from command_service.domain.refusals import LineTooLarge, LineUnknown, TooManyLines
from command_service.domain.values import MAX_CART_LINES, MAX_LINE_QUANTITY, BrokenHistory, CartLine, OrderId, ProductId
from command_service.testing.strategies import cart_commands, carts, product_ids, quantities

MUG, LAMP = ProductId("mug"), ProductId("lamp")
FULL = Cart({ProductId(f"p{number}"): 1 for number in range(MAX_CART_LINES)})


def test_the_same_product_added_again_adds_up() -> None:
    state = Cart({MUG: 2})
    assert decide(AddItem(MUG, 3), state) == (ItemAddedToCart(MUG, 3),)
    assert evolve(state, ItemAddedToCart(MUG, 3)) == Cart({MUG: 5})


def test_a_full_cart_takes_no_new_product_but_more_of_one_it_has() -> None:
    assert decide(AddItem(MUG, 1), FULL) == TooManyLines(MAX_CART_LINES)
    assert decide(AddItem(ProductId("p7"), 1), FULL) == (ItemAddedToCart(ProductId("p7"), 1),)


def test_a_line_takes_its_limit_and_not_one_more() -> None:
    state = Cart({MUG: MAX_LINE_QUANTITY - 1})
    assert decide(AddItem(MUG, 1), state) == (ItemAddedToCart(MUG, 1),)
    assert decide(AddItem(MUG, 2), state) == LineTooLarge(MUG, MAX_LINE_QUANTITY - 1, 2, MAX_LINE_QUANTITY)


def test_a_quantity_is_replaced() -> None:
    assert decide(ChangeQuantity(MUG, 7), Cart({MUG: 2})) == (ItemQuantityChanged(MUG, 7),)
    assert evolve(Cart({MUG: 2, LAMP: 1}), ItemQuantityChanged(MUG, 7)) == Cart({MUG: 7, LAMP: 1})


def test_the_same_quantity_again_changes_nothing() -> None:
    assert decide(ChangeQuantity(MUG, 2), Cart({MUG: 2})) == ()


def test_a_quantity_of_an_absent_line_is_unknown() -> None:
    assert decide(ChangeQuantity(MUG, 2), Cart()) == LineUnknown(MUG)


@pytest.mark.parametrize("command", [ChangeQuantity(MUG, 0), RemoveItem(MUG)])
def test_removing_is_harmless_when_repeated(command: ChangeQuantity | RemoveItem) -> None:
    assert decide(command, Cart({MUG: 2})) == (ItemRemovedFromCart(MUG),)
    assert decide(command, Cart({LAMP: 2})) == ()


def test_a_removed_line_leaves_the_others() -> None:
    assert evolve(Cart({MUG: 2, LAMP: 1}), ItemRemovedFromCart(MUG)) == Cart({LAMP: 1})


def test_clearing_an_empty_cart_changes_nothing() -> None:
    assert decide(Clear(), Cart()) == ()
    assert decide(Clear(), Cart({MUG: 1})) == (CartCleared(),)


@pytest.mark.parametrize("event", [CartCleared(), CartCheckedOut(OrderId("o"))])
def test_a_cart_is_empty_afterwards(event: CartCleared | CartCheckedOut) -> None:
    assert evolve(Cart({MUG: 2}), event) == Cart()


def test_restored_lines_add_up() -> None:
    restored = CartRestored(OrderId("o"), (CartLine(MUG, 2), CartLine(LAMP, 1)))
    assert evolve(Cart({MUG: 3}), restored) == Cart({MUG: 5, LAMP: 1})


@pytest.mark.parametrize("event", [ItemQuantityChanged(MUG, 2), ItemRemovedFromCart(MUG)])
def test_an_event_of_a_line_that_is_not_there_is_a_broken_history(
    event: ItemQuantityChanged | ItemRemovedFromCart,
) -> None:
    with pytest.raises(BrokenHistory) as broken:
        evolve(Cart(), event)
    assert (broken.value.state, broken.value.event) == (Cart(), event)


@given(st.lists(cart_commands, max_size=30))
def test_whatever_is_commanded_a_cart_stays_within_its_limits(commands: list[object]) -> None:
    state = Cart()
    for command in commands:
        decision = decide(command, state)  # type: ignore[arg-type]
        for event in decision if isinstance(decision, tuple) else ():
            state = evolve(state, event)
        assert len(state.lines) <= MAX_CART_LINES
        assert all(1 <= quantity <= MAX_LINE_QUANTITY for quantity in state.lines.values())


@given(carts, st.lists(st.tuples(product_ids, quantities), max_size=20))
def test_a_line_holds_the_sum_of_what_was_added(state: Cart, added: list[tuple[ProductId, int]]) -> None:
    total = Counter(dict(state.lines))
    for product_id, quantity in added:
        decision = decide(AddItem(product_id, quantity), state)
        if isinstance(decision, tuple):
            total[product_id] += quantity
            for event in decision:
                state = evolve(state, event)
    assert dict(state.lines) == dict(total)


@given(carts, st.lists(st.builds(CartLine, product_ids, quantities), max_size=6))
def test_what_fits_is_as_much_as_the_limit_leaves(state: Cart, lines: list[CartLine]) -> None:
    fit = fitting(lines, state)
    wanted, put = Counter(dict(state.lines)), Counter(dict(state.lines))
    for line in lines:
        wanted[line.product_id] += line.quantity
    for line in fit:
        put[line.product_id] += line.quantity
    assert put == Counter({each: min(quantity, MAX_LINE_QUANTITY) for each, quantity in wanted.items()})
    assert all(line.quantity > 0 for line in fit)


def test_a_full_cart_only_takes_more_of_what_it_has() -> None:
    lines = (CartLine(MUG, 1), CartLine(ProductId("p1"), 5))
    assert fitting(lines, FULL) == (CartLine(ProductId("p1"), 5),)
