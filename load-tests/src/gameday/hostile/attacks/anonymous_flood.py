"""Calls without a token, most of which no cache can answer, under addresses that the header claims."""

import random
from typing import Final

from gameday.addresses import ATTACKERS
from gameday.hostile.attack import Attack, Call, Client, sent
from gameday.hostile.honest import Honest
from gameday.hostile.request import request

_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"
_CACHED: Final = ("/api/products", "/api/products?sort=name", "/api/products/85123A",
                  "/api/products/85123A/recommendations")  # fmt: skip


def distinct(dice: random.Random) -> str:
    """A search that was not asked before: a word and chance."""
    word = "".join(dice.choice(_LETTERS) for _ in range(6))
    return f"/api/products?q={dice.choice(('lantern', 'bag', 'heart', 'white', 'set'))}+{word}&limit=100"


async def prepare(_honest: Honest) -> Call:
    async def call(client: Client) -> str:
        dice = client.dice
        path = distinct(dice) if dice.random() < 0.6 else dice.choice(_CACHED)
        claimed = ".".join(str(dice.randrange(1, 255)) for _ in range(4))
        headers = {"X-Forwarded-For": claimed, "Forwarded": f"for={claimed}", "X-Real-IP": claimed}
        return await sent(client, request("GET", path, headers))

    return call


ATTACK: Final = Attack(
    "anonymous-flood",
    "Callers without a token flood the catalogue from many addresses",
    "searches that no cache knows (6 in 10) and cached reads, without a token, with X-Forwarded-For made up",
    least=400,
    prepare=prepare,
    clients=1000,
    sources=ATTACKERS,
)
