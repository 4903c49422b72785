"""A guest's cart joins the customer's at sign-in (CORRECTNESS 6)."""

from dataclasses import dataclass

from command_service.domain.cart import Cart, fitting
from command_service.domain.events import CartCleared, CartEvent, ItemAddedToCart
from command_service.domain.values import CartLine


@dataclass(frozen=True, slots=True)
class Merged:
    """The events for the guest's cart and for the customer's, both empty when the guest's cart is."""

    guest: tuple[CartEvent, ...]
    customer: tuple[CartEvent, ...]


def merge_carts(guest: Cart, customer: Cart) -> Merged:
    """Add the guest's lines to the customer's and clear the guest's cart; what exceeds the limits is left out.

    Never refuses, for it must not fail a sign-in. Not to be asked about one cart twice, nor when the guest's id has
    registered since: its cart is a customer's then.
    """
    if not guest.lines:
        return Merged((), ())
    lines = fitting((CartLine(product_id, quantity) for product_id, quantity in guest.lines.items()), customer)
    return Merged((CartCleared(),), tuple(ItemAddedToCart(line.product_id, line.quantity) for line in lines))
