"""Waiting for Kafka's acknowledgements as long as it takes, with a breaker that hears how long that is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from holdfast.resilience.guard import Guard

LATE_S: Final = 0.5
"""An acknowledgement takes milliseconds. Each further half second without one is a missed probe: three open the breaker
within 2 s of Kafka's last answer."""
_ASK_AGAIN_S: Final = 0.05

T = TypeVar("T")


async def acknowledged(guard: Guard, send: Callable[[], Awaitable[T]]) -> T:
    """What `send` gives, however long that takes.

    What a producer has been given is never given to it twice and never called back (CORRECTNESS 14), so an open breaker
    ends nothing that is under way: while it is open nothing new is sent. Raises what `send` raises, as a failure.
    """
    breaker = guard.breaker
    while not breaker.admits:  # noqa: ASYNC110  # time opens it, which is no event
        await asyncio.sleep(_ASK_AGAIN_S)
    with breaker.acquire():
        sent = asyncio.ensure_future(send())
        try:
            while not (await asyncio.wait({sent}, timeout=LATE_S))[0]:
                breaker.probe_missed()
            answer = sent.result()
        finally:
            sent.cancel()
    breaker.probe_succeeded()
    return answer
