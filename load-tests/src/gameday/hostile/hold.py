"""Holding a connection: sent in part, then silence or one byte a second, until the shop ends it."""

import asyncio
from typing import Final

from gameday.hostile.attack import ANSWER_WITHIN_S, Client
from gameday.hostile.connection import Unanswered

HOLD_S: Final = 12.0
"""Longer than any limit of the shop for a body or a header. Who was not sent away by then goes, and comes again."""
_TRICKLE_S: Final = 1.0


async def hold(client: Client, begun: bytes, trickle: bytes = b"", before: bytes = b"") -> str:
    """Sends `begun` on a new connection, then each second `trickle` if there is any; what ended it, `held` if nothing
    did. `before`: a whole request whose answer is awaited first. Raises Unanswered.
    """
    connection = await client.connect()
    try:
        if before:
            await connection.send(before)
            await connection.response(ANSWER_WITHIN_S)
        await connection.send(begun)
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + HOLD_S
        while (left_s := ends_at - loop.time()) > 0:
            try:
                return (await connection.response(min(left_s, _TRICKLE_S) if trickle else left_s)).outcome
            except Unanswered as error:
                if error.outcome != "timeout":
                    raise
            await connection.send(trickle)
        return "held"
    finally:
        client.close()
