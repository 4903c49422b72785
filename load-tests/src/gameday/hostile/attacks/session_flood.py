"""Ever new guests, each of whom makes a few calls: no limit of a token ever holds them."""

from typing import Final

import orjson

from gameday.hostile.attack import Attack, Call, Client, sent
from gameday.hostile.attacks.anonymous_flood import distinct
from gameday.hostile.honest import Honest
from gameday.hostile.request import request

_ADD: Final = b'{"product_id": "85123A", "quantity": 1}'


async def prepare(_honest: Honest) -> Call:
    used: dict[int, int] = {}

    async def call(client: Client) -> str:
        """The next call of this client's guest: the session, a search, a line in the cart, a look at the cart."""
        step = used.get(client.number, 0) if client.token else 0
        used[client.number] = step + 1
        match step:
            case 0:
                response = await client.call(request("POST", "/api/sessions", body=b"{}"))
                client.token = orjson.loads(response.body)["token"] if response.status == 201 else ""
                return response.outcome
            case 1:
                return await sent(client, request("GET", distinct(client.dice), token=client.token))
            case 2:
                return await sent(client, request("POST", "/api/cart/items", body=_ADD, token=client.token))
        token, client.token = client.token, ""
        return await sent(client, request("GET", "/api/cart", token=token))

    return call


ATTACK: Final = Attack(
    "session-flood",
    "Callers open ever new guest sessions and use each for a few calls",
    "POST /api/sessions, then 3 calls with the new token: a search, a line into the cart, the cart",
    least=60,
    prepare=prepare,
)
