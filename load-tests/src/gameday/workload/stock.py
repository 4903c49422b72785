"""Which products have to come in again, from what went out."""

from collections import Counter
from typing import Final

BATCH: Final = 10  # pieces; half of what the least stocked product starts with
_WHEN_SHORT: Final = 100  # pieces, when a shopper found too few


class Stock:
    """Counts pieces sold less pieces brought back since the last delivery of each product."""

    def __init__(self) -> None:
        self._out: Counter[str] = Counter()

    def moved(self, product: str, quantity: int) -> None:
        """So many pieces went out; below 0: came back."""
        self._out[product] += quantity

    def short(self, product: str) -> None:
        """A checkout was refused for it."""
        self._out[product] = max(self._out[product], _WHEN_SHORT)

    def most_needed(self) -> tuple[str, int] | None:
        """The product that most pieces of went out, from a batch upwards, and how many; they count as delivered."""
        if not self._out:
            return None
        product, pieces = max(self._out.items(), key=lambda item: item[1])
        if pieces < BATCH:
            return None
        del self._out[product]
        return product, pieces
