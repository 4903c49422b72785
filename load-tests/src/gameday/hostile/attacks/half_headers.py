"""Headers that do not end: half of one, none at all, one byte a second, 8 MB of them, 50,000 of them."""

from typing import Final

from gameday.hostile.attack import ANSWER_WITHIN_S, Attack, Call, Client
from gameday.hostile.connection import Connection
from gameday.hostile.hold import hold
from gameday.hostile.honest import Honest
from gameday.hostile.request import request

_HALF: Final = b"GET /api/products HTTP/1.1\r\nHost: shop\r\nX-Half: "
_BEGIN: Final = b"GET /api/products HTTP/1.1\r\nHost: shop\r\n"
_BLOCK: Final = b"".join(b"X-Filler-%04d: %s\r\n" % (number, b"f" * 1_000) for number in range(64))
_EIGHT_MB: Final = 8_000_000
_MANY: Final = b"".join(b"x%d: 1\r\n" % number for number in range(50_000))
_WHOLE: Final = request("GET", "/api/products")
_HEAVY_EACH: Final = 10
"""One client in so many sends megabytes again and again: few already took the shop's memory."""


async def heavy(client: Client, many: bool) -> str:
    """Megabytes of headers, a block at a time, until the shop ends it. Raises Unanswered."""
    connection = await client.connect()
    try:
        await connection.send(_BEGIN)
        await _flood(connection, many)
        await connection.send(b"\r\n")
        return (await connection.response(ANSWER_WITHIN_S)).outcome
    finally:
        client.close()


async def _flood(connection: Connection, many: bool) -> None:
    for block in [_MANY] if many else [_BLOCK] * (_EIGHT_MB // len(_BLOCK) + 1):
        await connection.send(block)


async def prepare(_honest: Honest) -> Call:
    async def call(client: Client) -> str:
        dice = client.dice
        if client.number % _HEAVY_EACH == 0:
            return await heavy(client, many=dice.random() < 0.5)
        begun = dice.choice((_HALF, b"", b"\r\n", b"G", _BEGIN))
        trickle, before = dice.choice((b"x", b"", b"")), dice.choice((_WHOLE, b"", b"", b""))
        return await hold(client, begun, trickle, before)

    return call


ATTACK: Final = Attack(
    "half-headers",
    "Callers open connections and never finish a header",
    "half a header, nothing at all, a byte a second, a byte after an answer; one in ten sends 8 MB or 50,000 headers",
    least=40,
    prepare=prepare,
    clients=160,
)
