"""Bodies that never come: a request announces 50 bytes, sends one, and holds the connection."""

from typing import Final

from gameday.hostile.attack import Attack, Call, Client
from gameday.hostile.hold import hold
from gameday.hostile.honest import Honest

_TARGETS: Final = (
    "POST /api/checkout", "POST /api/checkout", "POST /api/cart/items", "PUT /api/cart/items/85123A",
    "POST /api/sessions", "POST /api/customers", "PUT /api/profile",
)  # fmt: skip
_LENGTH: Final = b"Content-Length: 50\r\n\r\n{"
_CHUNKED: Final = b"Transfer-Encoding: chunked\r\n\r\n32\r\n{"


async def prepare(honest: Honest) -> Call:
    token = await honest.guest()

    async def call(client: Client) -> str:
        dice = client.dice
        who = f"Authorization: Bearer {token}\r\n" if dice.random() < 0.5 else ""
        head = (
            f"{dice.choice(_TARGETS)} HTTP/1.1\r\nHost: shop\r\n{who}Content-Type: application/json\r\n"
            f"Idempotency-Key: slow-{dice.getrandbits(64)}\r\n"
        )
        begun = head.encode() + dice.choice((_LENGTH, _LENGTH, _CHUNKED))
        return await hold(client, begun, trickle=b" " if dice.random() < 0.3 else b"")

    return call


ATTACK: Final = Attack(
    "slow-bodies",
    "Callers begin uploads and do not go on",
    "POST with Content-Length: 50, one byte, then silence or a byte a second; with and without a token, also chunked",
    least=40,
    prepare=prepare,
    clients=160,
)
