"""What an attack is: many clients that make one call after the other, from addresses of their own."""

import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from gameday.addresses import ATTACKERS
from gameday.hostile.connection import Connection, Endpoint, Response, Unanswered
from gameday.hostile.honest import Honest

ANSWER_WITHIN_S: Final = 5.0
_CONNECTED_WITHIN_S: Final = 5.0


class Client:
    """One of an attacker's clients: it calls from one address, over a connection that it keeps while it can."""

    def __init__(self, number: int, gateways: Sequence[Endpoint], sources: Sequence[str]) -> None:
        self.number = number
        self.dice = random.Random(number)
        self.token = ""
        self._source = sources[number % len(sources)] if sources else ""
        self._gateways = gateways
        self._turn = number
        self._connection: Connection | None = None

    async def connect(self) -> Connection:
        """A new connection, to the next gateway; the last one is closed. Raises Unanswered."""
        self.close()
        self._turn += 1
        gateway = self._gateways[self._turn % len(self._gateways)]
        self._connection = await Connection.open(gateway, self._source, _CONNECTED_WITHIN_S)
        return self._connection

    async def call(self, message: bytes) -> Response:
        """Sends a whole request on the kept connection, else on a new one. Raises Unanswered."""
        connection = self._connection or await self.connect()
        try:
            await connection.send(message)
            response = await connection.response(ANSWER_WITHIN_S)
        except Unanswered:
            self.close()
            raise
        if response.closes:
            self.close()
        return response

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


Call = Callable[[Client], Awaitable[str]]
"""Makes one call of the attack and returns what became of it. Raises Unanswered."""


async def sent(client: Client, message: bytes) -> str:
    """One request on the kept connection, and its outcome. Raises Unanswered."""
    return (await client.call(message)).outcome


@dataclass(frozen=True, slots=True)
class Attack:
    """One idea of how a caller could take the shop down.

    sends: what goes over the wire, for people. least: calls under way in any 2 s, from the finding that it comes from.
    prepare: makes what the calls need, such as a token. clients: how many connections it holds at most. sources: the
    addresses that it comes from. shared: these are the shoppers' own.
    """

    name: str
    title: str
    sends: str
    least: int
    prepare: Callable[[Honest], Awaitable[Call]]
    clients: int = 800
    sources: Sequence[str] = ATTACKERS[:4]
    shared: bool = False
