"""Requests that are wide or deep: thousands of parameters, huge lists in headers, nested JSON."""

from collections.abc import Sequence
from typing import Final

from gameday.hostile.attack import Attack, Call, Client, sent
from gameday.hostile.honest import Honest
from gameday.hostile.request import request
from holdfast.contracts.consistency import HEADER

_STREAM: Final = "cart-00000000-0000-7000-8000-"
_NAMES: Final = "&".join(f"{number:x}" for number in range(12_000))
_DEEP: Final = 60_000


def _wide() -> Sequence[bytes]:
    """Whole requests that need no token."""
    streams = ",".join(f"{_STREAM}{number:012x}@{number + 1}" for number in range(140))
    tags = ",".join(f'"{number}"' for number in range(4_000))
    keys = ",".join(f'"k{number}": 1' for number in range(4_500))
    return (
        request("GET", f"/api/products?{_NAMES}&0"),
        request("GET", "/api/products?" + "&".join(["sort=price"] * 4_000)),
        request("GET", "/api/products?" + "&" * 44_000),
        request("GET", "/api/products?" + "&".join(f"{name}=1" for name in ("limit", "q", "cursor") * 1_500)),
        request("GET", "/api/products/85123A", {HEADER: streams}),
        request("GET", "/api/products", {"If-Match": tags, "Accept": tags, "If-None-Match": tags}),
        request("GET", "/api/products", {f"X-{number}": "1" for number in range(3_000)}),
        request("POST", "/api/sessions", body=b"[" * _DEEP),
        request("POST", "/api/sessions", body=b'{"a":' * (_DEEP // 5)),
        request("POST", "/api/sessions", body=f"{{{keys}}}".encode()),
        request("POST", "/api/sessions", body=b'{"email": ' + b"9" * _DEEP + b"}"),
    )


def _wide_with(token: str) -> Sequence[bytes]:
    streams = ",".join(f"{_STREAM}{number:012x}@999999" for number in range(140))
    lines = b",".join(b'{"product_id": "85123A"}' for _ in range(2_000))
    return (
        request("POST", "/api/cart/items", body=b"[" * _DEEP, token=token),
        request("POST", "/api/cart/items", body=b'{"product_id": [' + lines + b"]}", token=token),
        request("PUT", "/api/profile", body=b'{"address": ' * (_DEEP // 12), token=token),
        request("GET", "/api/cart", {HEADER: streams}, token=token),
        request("POST", "/api/checkout", {"If-Match": '"1",' * 5_000}, b'{"payment_token": "tok_visa"}', token=token),
    )


async def prepare(honest: Honest) -> Call:
    every = (*_wide(), *_wide_with(await honest.guest()))

    async def call(client: Client) -> str:
        return await sent(client, client.dice.choice(every))

    return call


ATTACK: Final = Attack(
    "wide-queries",
    "Callers send thousands of parameters, headers and levels of JSON",
    "12,000 distinct parameters and one repeated (44 KB), thousands of header values, JSON 60,000 levels deep",
    least=10,
    prepare=prepare,
)
