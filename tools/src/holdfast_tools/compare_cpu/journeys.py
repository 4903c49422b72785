"""The calls of each journey, drawn from a seed, so that both commits get the same ones. Pure."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

_WORDS: Final = ("red", "heart", "bag", "light", "tin", "pink", "retro", "spot", "cake", "jumbo")
_ABOVE_ALL_PRICES: Final = range(1_000_000, 10_000_000)
"""max_amount values that leave no product out and make the query one that no cache holds."""


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP call; `key` is its Idempotency-Key, "" for none."""

    method: str
    path: str
    body: bytes = b""
    key: str = ""


@dataclass(frozen=True, slots=True)
class Visit:
    """One guest: the calls before the measurement and the measured ones.

    With `new_session` the guest's session is part of what is measured. `steps` is how often the journey is done.
    """

    before: tuple[Call, ...]
    measured: tuple[Call, ...]
    steps: int
    new_session: bool = False


@dataclass(frozen=True, slots=True)
class Journey:
    """`steps` a round, done by guests of `guest_steps` each: fewer calls than a token's burst of 300, and of those that
    a service answers no more than a caller's burst of 0.2 s pays for at 20 ms each (ADR 21).

    So many steps that the CPU time of a round is two seconds and more: /proc counts it in units of 10 ms a process.
    What `writes` is followed by work in the background, which belongs to it.
    """

    name: str
    steps: int
    guest_steps: int
    step: Callable[[Random, Sequence[str]], tuple[Call, ...]]
    before: Callable[[Random, Sequence[str]], tuple[Call, ...]] = lambda _random, _products: ()
    new_session: bool = False
    writes: bool = False


def _cached_product(_random: Random, products: Sequence[str]) -> tuple[Call, ...]:
    return (Call("GET", f"/api/products/{products[0]}"),)


def _search(random: Random, _products: Sequence[str]) -> tuple[Call, ...]:
    return (Call("GET", f"/api/products?q={random.choice(_WORDS)}&max_amount={random.choice(_ABOVE_ALL_PRICES)}"),)


def _cart_view(_random: Random, _products: Sequence[str]) -> tuple[Call, ...]:
    return (Call("GET", "/api/cart"),)


def _cart_add(random: Random, products: Sequence[str]) -> tuple[Call, ...]:
    body = {"product_id": random.choice(products), "quantity": 1}
    return (Call("POST", "/api/cart/items", json.dumps(body).encode()),)


def _checkout(random: Random, products: Sequence[str]) -> tuple[Call, ...]:
    body = json.dumps({"payment_token": "tok_visa"}).encode()
    return (*_cart_add(random, products), Call("POST", "/api/checkout", body, f"{random.getrandbits(128):032x}"))


JOURNEYS: Final = {
    journey.name: journey
    for journey in (
        Journey("cached-product", 6000, 200, _cached_product),
        Journey("search", 500, 10, _search),
        Journey("cart-view", 500, 10, _cart_view, before=_cart_add),
        Journey("cart-add", 400, 10, _cart_add, writes=True),
        Journey("checkout", 200, 1, _checkout, new_session=True, writes=True),
    )
}
"""By name. The first product is read, others go into carts; `checkout` is a session, one addition and the checkout."""


def visits(journey: Journey, steps: int, products: Sequence[str], seed: object) -> list[Visit]:
    """The guests who together do the journey `steps` times; equal for equal arguments."""
    random = Random(f"{journey.name} {seed!r}")
    made = []
    for done in range(0, steps, journey.guest_steps):
        count = min(journey.guest_steps, steps - done)
        before = journey.before(random, products)
        measured = [call for _ in range(count) for call in journey.step(random, products)]
        made.append(Visit(before, tuple(measured), count, journey.new_session))
    return made
