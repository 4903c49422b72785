"""Everything that one run of load consists of, put together."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import gevent

from gameday.addresses import ADMIN, SHOPPERS
from gameday.load.ask import Ask
from gameday.load.client import Client
from gameday.load.crowd import Crowd
from gameday.load.generator import Generator, Played
from gameday.load.looking import holds
from gameday.load.market import Market
from gameday.load.mix import Step
from gameday.load.performer import Performer
from gameday.load.preparation import Demand, Preparation
from gameday.load.records import Outcome, Record
from gameday.load.restocker import Restocker
from gameday.load.scene import Book, Scene
from gameday.load.schedule import Arrival
from holdfast_tools.acks import AckFile
from holdfast_tools.command_line import UserError

_CROWD_S = 30.0  # as many shoppers as come in so many seconds: enough to choose from, and the audit ends


@dataclass(frozen=True, slots=True)
class Admin:
    """Who restocks."""

    email: str
    password: str


class Crew:
    """Shoppers, an admin who restocks, and the generator. `record` is given every request of theirs."""

    def __init__(
        self,
        client: Client,
        market: Market,
        acks: AckFile | None,
        admin: Admin,
        record: Callable[[Record], None],
        sources: Sequence[str] = SHOPPERS,
    ) -> None:
        self.client = client
        self._record = record
        self._market = market
        self._crowd = Crowd(most=0)
        self._scene = Scene(market, Book(acks), client.gateways, self._crowd.join, sources)
        self._restocker = Restocker(client, self._scene.book.shelf, admin.email, admin.password, record)
        self._generator = Generator(Performer(self._scene, client, record), self._crowd, client)

    def check(self) -> None:
        """Raises UserError when no shop answers, it has not this month's goods, or refuses the admin."""
        wanted = self._market.products[0]
        asked = Ask(
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
        self._crowd.most = int(_CROWD_S * rate)
        return Preparation(self._scene, self.client, self._record, self._crowd, Demand.of(mix, rate))

    def play(self, mix: Sequence[Step], rate: float, arrivals: Sequence[Arrival], began: float) -> Played:
        """The run of a crowd prepared for this mix and rate, with the restocker beside it."""
        beside = [
            gevent.spawn(self._restocker.run, rate),
            gevent.spawn(self._preparation(mix, rate).keep_up, rate),
        ]
        try:
            return self._generator.play(arrivals, began)
        finally:
            gevent.killall(beside)
