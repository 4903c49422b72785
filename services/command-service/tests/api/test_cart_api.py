"""The cart's commands and its read, through the API on a real PostgreSQL."""

from typing import Any


async def test_what_is_added_is_in_the_cart(service: Any) -> None:
    await service.product("mug", name="A mug", unit_amount=250)
    guest = service.someone()
    added = await guest.post("/api/cart/items", {"product_id": "mug", "quantity": 2})
    assert (added.status_code, added.json()) == (200, {"cart_id": guest.subject, "version": 1})
    assert added.headers["consistency-token"] == f"cart-{guest.subject}@1"
    cart = await guest.get("/api/cart")
    assert cart.json() == {
        "cart_id": guest.subject,
        "lines": [{"product_id": "mug", "name": "A mug", "quantity": 2, "unit_amount": 250, "line_amount": 500}],
        "total_amount": 500,
        "currency": "GBP",
        "version": 1,
    }
    assert cart.headers["served-from"] == "write-model"
