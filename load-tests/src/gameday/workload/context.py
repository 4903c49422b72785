"""What the journeys share: the demand, where acknowledgements go, and how somebody new joins."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from gameday.addresses import SHOPPERS
from gameday.workload.dataset import Dataset
from gameday.workload.shopper import Order, Shopper
from gameday.workload.stock import Stock
from holdfast_tools.acks import Ack, AckFile


@dataclass(frozen=True, slots=True)
class Acknowledgements:
    """Writes acknowledgements down before anything counts them, then tells the shelf. `acks` None: not written."""

    acks: AckFile | None
    shelf: Stock = field(default_factory=Stock)

    def acknowledged(self, kind: Literal["order", "cancel"], shopper: Shopper, order: Order, status: str) -> None:
        if self.acks is not None:
            quantities = dict(order.quantities)
            self.acks.write(Ack(kind, order.order_id, shopper.customer_id, status, order.amount, quantities, "load"))
        for product, quantity in order.quantities.items():
            self.shelf.moved(product, quantity if kind == "order" else -quantity)

    def out_of_stock(self, lines: Sequence[Mapping[str, Any]]) -> None:
        """What a checkout was refused for."""
        for line in lines:
            self.shelf.short(str(line["product_id"]))


@dataclass(frozen=True, slots=True)
class Context:
    """`came` takes a new shopper; `gateways` is how many there are, `sources` the addresses that shoppers come from."""

    dataset: Dataset
    acknowledgements: Acknowledgements
    gateways: int
    came: Callable[[Shopper], None]
    sources: Sequence[str] = SHOPPERS
