"""Shoppers for Locust's own web page: `make load USERS=50`, or `locust -f load-tests/locustfile.py`.

Each user is one shopper who makes one step after the other of the usual mix, as far as they can: a closed loop, which
slows down with the shop. To see what a fault does to shoppers who come anyway, use `make load` (open arrivals).
Refusals that the contract allows and 503 with Retry-After are no failures and have names of their own.
"""

import os
import random
from pathlib import Path
from typing import Any

import gevent
from locust import User, between, events, task

from gameday.load import looking
from gameday.load.calls import can
from gameday.load.client import Client
from gameday.load.locust_run import fire
from gameday.load.market import read_market
from gameday.load.mix import MIX, Step
from gameday.load.performer import Performer
from gameday.load.scene import Book, Scene
from gameday.load.shopper import Shopper
from holdfast_tools.acks import AckFile
from holdfast_tools.command_line import DATA, urls

URLS = urls(os.environ.get("GATEWAY_URLS", "http://127.0.0.1:8080,http://127.0.0.1:8081"))
SESSION = next(step for step in MIX if step.call == "session")


@events.init.add_listener
def prepare(environment: Any, **_: Any) -> None:
    """What all users share. Acknowledgements go to ACKS_PATH, for the audit, when that is set."""
    acks = os.environ.get("ACKS_PATH")
    environment.client = Client(URLS)
    environment.market = read_market(DATA)
    environment.book = Book(AckFile(Path(acks)) if acks else None)
    gevent.sleep(0)  # so that `--run-time` does not count what this took


class Visitor(User):
    """Somebody new with a session of their own, and again somebody new when that one has bought all they came for."""

    host = URLS[0]
    wait_time = between(0.5, 2)

    def on_start(self) -> None:
        shared = self.environment
        self.dice = random.Random()
        self.shopper: Shopper | None = None
        scene = Scene(shared.market, shared.book, shared.client.gateways, self._came)
        self.performer = Performer(scene, shared.client, lambda record: fire(shared.events, record))

    def _came(self, shopper: Shopper) -> None:
        self.shopper = shopper

    @task
    def step(self) -> None:
        shopper = self.shopper
        step = SESSION if shopper is None else self._choose(shopper)
        self.performer.step(step, shopper, self.dice, self.environment.client.now())
        if shopper is not None and (shopper.left or shopper.finished):
            self.shopper = None

    def _choose(self, shopper: Shopper) -> Step:
        able = [step for step in MIX if step is not SESSION and (step.call in looking.CALLS or can(shopper, step.call))]
        return self.dice.choices(able, [step.percent for step in able])[0]
