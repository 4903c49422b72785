"""How the shop's events and states are stored: one `Kind` of stream for each aggregate.

Stored events never change: a new form of an event gets a new schema version, and an upcaster from the old one. The
golden files in tests/golden hold every form ever written.
"""

from typing import Any, Final

from command_service.codec.carts import CART
from command_service.codec.customers import CUSTOMER
from command_service.codec.orders import ORDER
from command_service.codec.products import PRODUCT
from holdfast.eventstore import Kind

KINDS: Final[tuple[Kind[Any, Any], ...]] = (CART, CUSTOMER, ORDER, PRODUCT)
KIND_OF_NAME: Final = {kind.name: kind for kind in KINDS}

__all__ = ["CART", "CUSTOMER", "KINDS", "KIND_OF_NAME", "ORDER", "PRODUCT"]
