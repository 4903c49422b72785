"""Somebody who shops: a session, what is in the cart, what is still to buy, the orders placed."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gameday.workload.dataset import Basket
from gameday.workload.operation import Operation
from holdfast.contracts.consistency import decode_consistency


@dataclass(slots=True, eq=False)
class Order:
    """An acknowledged order; `amount` in pence, `quantities` what it was placed with."""

    order_id: str
    amount: int
    quantities: Mapping[str, int]
    cancelled: bool = False

    @property
    def stream(self) -> str:
        return f"order-{self.order_id}"


@dataclass(slots=True, eq=False)
class Shopper:
    """What one person knows. `visits` are the baskets still to come, `to_add` the rest of the present one.

    `pending` is a command that got no final answer: it happened wholly or not at all, so until it has been repeated
    (same key) its owner does nothing else that changes anything, and what is in the cart is always known. All calls
    come from the address `source`.
    """

    token: str
    customer_id: str
    home: int
    visits: list[Basket]
    to_add: list[tuple[str, int]] = field(default_factory=list)
    cart: dict[str, int] = field(default_factory=dict)
    orders: list[Order] = field(default_factory=list)
    seen: dict[str, int] = field(default_factory=dict)
    email: str = ""
    password: str = ""
    pending: tuple[str, Operation] | None = None
    busy: bool = False
    left: bool = False
    place: int = -1
    source: str = ""

    def __post_init__(self) -> None:
        self.next_visit()

    @property
    def cart_stream(self) -> str:
        return f"cart-{self.customer_id}"

    @property
    def open_orders(self) -> list[Order]:
        """Those that are not cancelled."""
        return [order for order in self.orders if not order.cancelled]

    @property
    def finished(self) -> bool:
        """Came for nothing more."""
        return not (self.cart or self.to_add or self.visits or self.pending)

    def next_visit(self) -> None:
        """Come again for the next basket; with none left nothing is to be added."""
        self.cart = {}
        self.to_add = list(self.visits.pop(0)) if self.visits else []

    def saw(self, consistency_token: str) -> None:
        """Remember the versions that an answer carried. Raises ConsistencyTokenInvalid."""
        for stream, version in decode_consistency([consistency_token]).items():
            self.seen[stream] = max(version, self.seen.get(stream, 0))

    def versions(self, *streams: str) -> dict[str, int]:
        """The newest version of each of these streams that an answer told of."""
        return {stream: self.seen[stream] for stream in streams if stream in self.seen}
