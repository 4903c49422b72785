"""An honest caller, who makes what an attack needs: sessions, accounts, the demo admin's token.

It comes from the address that the admin always comes from, and waits when it is asked to.
"""

import asyncio
import os
from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from gameday.addresses import ADMIN
from gameday.hostile.connection import Connection, Endpoint, Response, Unanswered
from gameday.hostile.request import request

_WITHIN_S: Final = 10.0
_TRIES: Final = 60
_AGAIN_S: Final = 1.0
_LATER: Final = (429, 503, 504)


def admin_credentials() -> dict[str, str]:
    """The demo admin's e-mail and password, from ADMIN_EMAIL and ADMIN_PASSWORD as everywhere."""
    return {
        "email": os.environ.get("ADMIN_EMAIL", "admin@holdfast.example"),
        "password": os.environ.get("ADMIN_PASSWORD", "holdfast-admin"),
    }


class Honest:
    """Calls the first gateway, one call after the other. Every method raises Unanswered."""

    def __init__(self, gateways: Sequence[Endpoint], binds: bool) -> None:
        self._gateway = gateways[0]
        self._source = ADMIN if binds else ""
        self._connection: Connection | None = None

    async def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None, token: str = "") -> Any:
        """The JSON of a good answer, None where there is no such thing (404). Repeated while it is asked to wait."""
        content = b"" if body is None else orjson.dumps(body)
        message = request(method, path, {"Cache-Control": "no-cache"}, content, token)
        for _ in range(_TRIES):
            response = await self._call(message)
            if response.status not in _LATER:
                break
            await asyncio.sleep(_AGAIN_S)
        if response.status == 404:
            return None
        if response.status >= 300:
            raise Unanswered(f"{method} {path}: {response.outcome}")
        return orjson.loads(response.body)

    async def _call(self, message: bytes) -> Response:
        if self._connection is None:
            self._connection = await Connection.open(self._gateway, self._source, _WITHIN_S)
        try:
            await self._connection.send(message)
            response = await self._connection.response(_WITHIN_S)
        except Unanswered:
            self.close()
            raise
        if response.closes:
            self.close()
        return response

    async def guest(self) -> str:
        """A new guest's token."""
        return str((await self.ask("POST", "/api/sessions", {}))["token"])

    async def admin(self) -> str:
        """The demo admin's token: what an attacker with an account of that kind could do."""
        return str((await self.ask("POST", "/api/sessions", admin_credentials()))["token"])

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
