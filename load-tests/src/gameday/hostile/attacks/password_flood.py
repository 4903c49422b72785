"""Passwords to be hashed: each costs the shop 25 ms of a core, and the caller nothing."""

import secrets
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import orjson

from gameday.addresses import SHOPPERS
from gameday.hostile.attack import Attack, Call, Client, sent
from gameday.hostile.honest import Honest, admin_credentials
from gameday.hostile.request import request

_OWN_ACCOUNTS: Final = 3


def _email() -> str:
    return f"attacker-{secrets.token_hex(8)}@attack.holdfast.example"


async def _accounts(honest: Honest) -> Sequence[str]:
    """Accounts that exist: the demo admin's, and some that it registers."""
    found = [admin_credentials()["email"]]
    for _ in range(_OWN_ACCOUNTS):
        found.append(_email())
        await honest.ask("POST", "/api/customers", {"email": found[-1], "password": "p" * 12, "name": "Attacker"})
    return found


async def prepare(honest: Honest) -> Call:
    known = await _accounts(honest)

    async def call(client: Client) -> str:
        dice = client.dice
        kind = dice.random()
        body = {"email": dice.choice(known) if kind < 0.4 else _email(), "password": f"wrong-{dice.getrandbits(64)}"}
        if kind > 0.8:
            content = orjson.dumps({**body, "name": "Attacker"})
            return await sent(client, request("POST", "/api/customers", body=content))
        return await sent(client, request("POST", "/api/sessions", body=orjson.dumps(body)))

    return call


ATTACK: Final = Attack(
    "argon2-flood",
    "Callers guess passwords and register without end",
    "sign-ins with wrong passwords to known (4 in 10) and unknown accounts (4), registrations (2)",
    least=40,
    prepare=prepare,
)
SHARED: Final = replace(
    ATTACK,
    name="argon2-flood-shared",
    title="Callers guess passwords from the shoppers' own addresses",
    sends=f"the same as {ATTACK.name}, from the addresses that shoppers come from",
    sources=SHOPPERS,
    shared=True,
)
