"""Calls that anybody makes, without a session: the catalogue, and coming in as a guest."""

import random
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import quote

from gameday.load.ask import Ask
from gameday.load.scene import Scene
from gameday.load.shopper import Shopper
from gameday.load.wire import Answer


def holds(answer: Answer, *names: str) -> bool:
    """Whether the answer is a JSON object with these fields."""
    return isinstance(answer.body, dict) and all(name in answer.body for name in names)


def _a_list(answer: Answer) -> bool:
    return holds(answer, "items", "next_cursor", "total")


def front_page(_scene: Scene, _dice: random.Random) -> Ask:
    return Ask("GET", "/api/products", good=_a_list)


def search(scene: Scene, dice: random.Random) -> Ask:
    return Ask("GET", f"/api/products?q={quote(scene.market.search(dice))}", good=_a_list)


def product(scene: Scene, dice: random.Random) -> Ask:
    wanted = scene.market.product(dice)

    def good(answer: Answer) -> bool:
        return holds(answer, "product_id", "unit_amount", "available") and answer.body["product_id"] == wanted

    return Ask("GET", f"/api/products/{wanted}", good=good)


def recommendations(scene: Scene, dice: random.Random) -> Ask:
    return Ask("GET", f"/api/products/{scene.market.product(dice)}/recommendations", good=lambda a: holds(a, "items"))


def session(scene: Scene, dice: random.Random) -> Ask:
    """A new guest, who is one of the real customers from here on."""

    def done(answer: Answer) -> None:
        home = dice.randrange(scene.gateways)
        scene.came(Shopper(answer.body["token"], answer.body["customer_id"], home, scene.market.visits(dice)))

    return Ask(
        "POST",
        "/api/sessions",
        b"{}",
        statuses=frozenset({201}),
        good=lambda answer: holds(answer, "token", "customer_id"),
        done=done,
    )


CALLS: Final[Mapping[str, Callable[[Scene, random.Random], Ask]]] = {
    "list": front_page,
    "search": search,
    "product": product,
    "recommendations": recommendations,
    "session": session,
}
