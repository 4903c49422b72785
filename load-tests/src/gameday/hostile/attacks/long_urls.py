"""Addresses that are far too long, in the query without a token and in the path with a guest's."""

from typing import Final

from gameday.hostile.attack import Attack, Call, Client, sent
from gameday.hostile.honest import Honest
from gameday.hostile.request import request

_PIECES: Final = (b"{", b"a", b"%7B", b"\xc3\xa9", b"%C3%A9", b"../", b"%2e%2e%2f", b"%00", b"'", b"|", b"%")
"""What the address is made of: what parsers refuse, what they normalise, and what is merely long."""
_LENGTHS: Final = (2_100, 8_200, 25_000, 25_000, 25_000, 60_000)
_QUERIES: Final = ("cursor", "q", "category", "sort", "limit", "min_amount", "unheard-of")
_PATHS: Final = (
    ("DELETE", "/api/cart/items/"),
    ("PUT", "/api/cart/items/"),
    ("GET", "/api/orders/"),
    ("POST", "/api/orders/"),
    ("GET", "/api/products/"),
    ("GET", "/api/admin/streams/"),
    ("GET", "/"),
)


async def prepare(honest: Honest) -> Call:
    token = await honest.guest()

    async def call(client: Client) -> str:
        dice = client.dice
        length, piece = dice.choice(_LENGTHS), dice.choice(_PIECES)
        text = (piece * (length // len(piece) + 1))[:length]
        if dice.random() < 0.5:
            return await sent(client, request("GET", f"/api/products?{dice.choice(_QUERIES)}=".encode() + text))
        method, path = dice.choice(_PATHS)
        body = b'{"quantity": 1}' if method == "PUT" else b""
        return await sent(client, request(method, path.encode() + text, body=body, token=token))

    return call


ATTACK: Final = Attack(
    "long-urls",
    "Callers send addresses of 2,100 to 60,000 characters",
    "mostly 25,000 characters in a query parameter without a token, or in the path with a guest's token",
    least=33,
    prepare=prepare,
)
