"""Carts in the store. State: `{"lines": [{"product_id", "quantity"}]}`, a list because jsonb keeps no key order."""

from typing import Any, Final

from command_service.codec.forms import EventForms, Stored
from command_service.domain import events
from command_service.domain.cart import Cart, evolve
from command_service.domain.events import CartEvent
from holdfast.eventstore import Kind

FORMS: Final = EventForms(
    {
        events.ItemAddedToCart: Stored("ItemAddedToCart"),
        events.ItemQuantityChanged: Stored("ItemQuantityChanged"),
        events.ItemRemovedFromCart: Stored("ItemRemovedFromCart"),
        events.CartCleared: Stored("CartCleared"),
        events.CartCheckedOut: Stored("CartCheckedOut"),
        events.CartRestored: Stored("CartRestored"),
    }
)


def _dump_state(state: Cart) -> dict[str, Any]:
    return {"lines": [{"product_id": product_id, "quantity": quantity} for product_id, quantity in state.lines.items()]}


def _load_state(data: dict[str, Any]) -> Cart:
    return Cart({line["product_id"]: line["quantity"] for line in data["lines"]})


CART: Final[Kind[Cart, CartEvent]] = Kind(
    name="cart",
    initial=Cart,
    evolve=evolve,
    dump_state=_dump_state,
    load_state=_load_state,
    dump_event=FORMS.dump,
    load_event=FORMS.load,
)
