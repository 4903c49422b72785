"""A stream with many events, made once for each shop: the stock of a product goes up and down."""

from typing import Final

from gameday.hostile.honest import Honest

PRODUCT: Final = "hostile-deep"
EVENTS: Final = 10_000


async def long_stream(honest: Honest, admin: str, events: int = EVENTS) -> None:
    """Leaves PRODUCT discontinued with so many events at least; a minute or two the first time. Raises Unanswered."""
    path = f"/api/admin/products/{PRODUCT}"
    product = await honest.ask("GET", f"/api/products/{PRODUCT}")
    if product is None:
        new = {"product_id": PRODUCT, "name": "A long history", "category": "none", "unit_amount": 1, "available": 9}
        await honest.ask("POST", "/api/admin/products", new, admin)
    elif product.get("discontinued"):
        return
    version = 1 if product is None else int(product["version"])
    while version < events:
        change = {"delta": 1 if version % 2 else -1, "reason": "history"}
        version = int((await honest.ask("POST", f"{path}/stock", change, admin))["version"])
    await honest.ask("DELETE", path, token=admin)
