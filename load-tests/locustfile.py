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

from gameday.workload import browsing
from gameday.workload.calls import can
from gameday.workload.client import Client
from gameday.workload.context import Acknowledgements, Context
from gameday.workload.dataset import read_dataset
from gameday.workload.locust_run import fire
from gameday.workload.mix import MIX, Step
from gameday.workload.shopper import Shopper
from gameday.workload.worker import Worker
from holdfast_tools.acks import AckFile
from holdfast_tools.command_line import DATA, urls

URLS = urls(os.environ.get("GATEWAY_URLS", "http://127.0.0.1:8080,http://127.0.0.1:8081"))
SESSION = next(step for step in MIX if step.call == "session")


@events.init.add_listener
def prepare(environment: Any, **_: Any) -> None:
    """What all users share. Acknowledgements go to ACKS_PATH, for the audit, when that is set."""
    acks = os.environ.get("ACKS_PATH")
    environment.client = Client(URLS)
    environment.dataset = read_dataset(DATA)
    environment.acknowledgements = Acknowledgements(AckFile(Path(acks)) if acks else None)
    gevent.sleep(0)  # so that `--run-time` does not count what this took


class Visitor(User):
    """Somebody new with a session of their own, and again somebody new when that one has bought all they came for."""

    host = URLS[0]
    wait_time = between(0.5, 2)

    def on_start(self) -> None:
        shared = self.environment
        self.dice = random.Random()
        self.shopper: Shopper | None = None
        context = Context(shared.dataset, shared.acknowledgements, shared.client.gateways, self._came)
        self.worker = Worker(context, shared.client, lambda record: fire(shared.events, record))

    def _came(self, shopper: Shopper) -> None:
        self.shopper = shopper

    @task
    def step(self) -> None:
        shopper = self.shopper
        step = SESSION if shopper is None else self._choose(shopper)
        self.worker.step(step, shopper, self.dice, self.environment.client.now())
        if shopper is not None and (shopper.left or shopper.finished):
            self.shopper = None

    def _choose(self, shopper: Shopper) -> Step:
        able = [
            step for step in MIX if step is not SESSION and (step.call in browsing.CALLS or can(shopper, step.call))
        ]
        return self.dice.choices(able, [step.percent for step in able])[0]
