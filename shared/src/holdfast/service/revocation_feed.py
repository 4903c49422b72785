"""Asks command-service each second which sessions have ended, in the background."""

import asyncio
import time
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


class RevocationFeed:
    """Keeps `revocations` up to date while `run` does. Without command-service the list stays as it is."""

    def __init__(self, client: OutboundClient, revocations: Revocations) -> None:
        self._client = client
        self._revocations = revocations
        self._failing = False

    async def run(self) -> None:
        """Look each second until cancelled."""
        looks = 0
        while True:
            try:
                await self.catch_up()
                self._failing = False
            except Exception as error:  # whatever it is, what is known goes on to count
                if not self._failing:
                    log.warning("revocations_unknown", error=f"{type(error).__name__}: {error}")
                self._failing = True
            looks += 1
            if looks % _FORGET_EVERY == 0:
                self._revocations.forget_expired(time.time())
            await asyncio.sleep(_EVERY_S if self._revocations.known else _FIRST_EVERY_S)

    async def catch_up(self) -> None:
        """Ask until nothing newer is left. Raises what OutboundClient.request raises, and ValueError."""
        while True:
            answer = await self._client.request(
                "GET",
                PATH,
                query=f"after={self._revocations.last}",
                deadline=Deadline.after(_ANSWER_S),
                policy=_POLICY,
                group="revocations",
            )
            if answer.status != 200:
                raise ValueError(f"command-service answers {answer.status}")
            page = orjson.loads(answer.body)
            self._revocations.add(Revocation.of_json(each) for each in page["items"])
            if not page["more"]:
                self._revocations.known = True
                return
