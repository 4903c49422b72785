"""A line of a cart as API.md shows it, made the same way from the read model and from the write model."""

from typing import Any


def cart_line(
    product_id: str, name: str, quantity: int, unit_amount: int, available: int, *, discontinued: bool
) -> dict[str, Any]:
    """A line that can be bought as it is costs its amount. Another one says how many there are and costs nothing, so
    that lines always add up to the cart's total (ADR 25).
    """
    line = {"product_id": product_id, "name": name, "quantity": quantity, "unit_amount": unit_amount}
    left = 0 if discontinued else available
    if quantity > left:
        return {**line, "line_amount": 0, "available": left}
    return {**line, "line_amount": quantity * unit_amount}
