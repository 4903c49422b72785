"""Asks command-service each second which sessions have ended, in the background."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

import orjson
import structlog

from holdfast.resilience.client import OutboundClient
from holdfast.resilience.deadline import Deadline
from holdfast.resilience.policy import CallPolicy
from holdfast.service.revocations import Revocation, Revocations

log = structlog.get_logger(__name__)

PATH: Final = "/internal/revocations"
_EVERY_S: Final = 1.0
_FIRST_EVERY_S: Final = 0.2  # as long as nothing is known
_ANSWER_S: Final = 0.8
_FORGET_EVERY: Final = 600  # looks, some ten minutes
_POLICY: Final = CallPolicy(attempt_timeout_s=0.4)


Look = Callable[[int], Awaitable[tuple[Iterable[Revocation], bool]]]
"""Gives revocations with a higher number than the given one, by number, and whether there are more."""


async def follow(revocations: Revocations, look: Look) -> None:
    """Keep the list up to date until cancelled: look each second. While `look` fails the list stays as it is."""
    looks, failing = 0, False
    while True:
        try:
            more = True
            while more:
                found, more = await look(revocations.last)
                revocations.add(found)
            revocations.known, failing = True, False
        except Exception as error:  # any failure: what is known still counts
            if not failing:
                log.warning("revocations_unknown", error=f"{type(error).__name__}: {error}")
            failing = True
        looks += 1
        if looks % _FORGET_EVERY == 0:
            revocations.forget_expired(time.time())
        await asyncio.sleep(_EVERY_S if revocations.known else _FIRST_EVERY_S)


class RevocationFeed:
    """Keeps `revocations` up to date from command-service while `run` does."""

    def __init__(self, client: OutboundClient, revocations: Revocations) -> None:
        self._client = client
        self._revocations = revocations

    async def run(self) -> None:
        """Until cancelled."""
        await follow(self._revocations, self._ask)

    async def _ask(self, after: int) -> tuple[Iterable[Revocation], bool]:
        """Raises what OutboundClient.request raises, and ValueError."""
        answer = await self._client.request(
            "GET",
            PATH,
            query=f"after={after}",
            deadline=Deadline.after(_ANSWER_S),
            policy=_POLICY,
            group="revocations",
        )
        if answer.status != 200:
            raise ValueError(f"command-service answers {answer.status}")
        page = orjson.loads(answer.body)
        return map(Revocation.of_json, page["items"]), page["more"]
