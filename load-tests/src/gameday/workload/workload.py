"""Everything that one run of load consists of, put together."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import gevent

from gameday.addresses import ADMIN, SHOPPERS
from gameday.workload.browsing import holds
from gameday.workload.client import Client
from gameday.workload.context import Acknowledgements, Context
from gameday.workload.dataset import Dataset
from gameday.workload.generator import Generator, Played
from gameday.workload.mix import Step
from gameday.workload.operation import Operation
from gameday.workload.preparation import Demand, Preparation
from gameday.workload.records import Outcome, Record
from gameday.workload.restocker import Restocker
from gameday.workload.schedule import Arrival
from gameday.workload.shopper_pool import ShopperPool
from gameday.workload.worker import Worker
from holdfast_tools.acks import AckFile
from holdfast_tools.command_line import UserError

_CROWD_S = 30.0  # as many shoppers as come in so many seconds: enough to choose from, and the audit ends


@dataclass(frozen=True, slots=True)
class Admin:
    """Who restocks."""

    email: str
    password: str


class Workload:
    """Shoppers, an admin who restocks, and the generator. `record` is given every request of theirs."""

    def __init__(
        self,
        client: Client,
        dataset: Dataset,
        acks: AckFile | None,
        admin: Admin,
        record: Callable[[Record], None],
        sources: Sequence[str] = SHOPPERS,
    ) -> None:
        self.client = client
        self._record = record
        self._dataset = dataset
        self._shoppers = ShopperPool(most=0)
        self._context = Context(dataset, Acknowledgements(acks), client.gateways, self._shoppers.join, sources)
        self._restocker = Restocker(client, self._context.acknowledgements.shelf, admin.email, admin.password, record)
        self._generator = Generator(Worker(self._context, client, record), self._shoppers, client)

    def check(self) -> None:
        """Raises UserError when no shop answers, it has not this month's goods, or refuses the admin."""
        wanted = self._dataset.products[0]
        asked = Operation(
            "GET", f"/api/products/{wanted}", source=ADMIN, call="product", good=lambda answer: holds(answer, "version")
        )
        reply = self.client.send(asked, 0).last
        if reply.answer is None:
            raise UserError(f"no shop answers at {', '.join(self.client.urls)}: {reply.code}")
        if reply.code == "product-unknown":
            raise UserError(f"the shop does not know product {wanted}: load the catalogue first (`make catalogue`)")
        if reply.outcome not in (Outcome.OK, Outcome.DEGRADED):
            raise UserError(f"the shop does not serve products: {reply.code}")
        self._restocker.sign_in()

    def prepare(self, mix: Sequence[Step], rate: float) -> int:
        """Make the stock of shoppers for that rate; how many came. Raises UserError."""
        return self._preparation(mix, rate).stock_up()

    def _preparation(self, mix: Sequence[Step], rate: float) -> Preparation:
        self._shoppers.most = int(_CROWD_S * rate)
        return Preparation(self._context, self.client, self._record, self._shoppers, Demand.of(mix, rate))

    def play(self, mix: Sequence[Step], rate: float, arrivals: Sequence[Arrival], began: float) -> Played:
        """The run of a shoppers prepared for this mix and rate, with the restocker beside it."""
        beside = [
            gevent.spawn(self._restocker.run, rate),
            gevent.spawn(self._preparation(mix, rate).keep_up, rate),
        ]
        try:
            return self._generator.play(arrivals, began)
        finally:
            gevent.killall(beside)
