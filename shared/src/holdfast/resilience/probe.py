"""The active probe: asks every replica a few times a second whether its process answers.

It sees a paused or killed replica in about a second without making a shopper wait for it: such a replica is lost until
it answers again, and a service all of whose replicas are is called no more. It opens a breaker early and lets it
half-open; only real calls close it. And it sees which of two replicas is the slower one: all are asked the same
at the same time, so that what differs is theirs.
"""

import asyncio
import random
from collections.abc import Callable

from holdfast.resilience.protections import PROTECTIONS
from holdfast.resilience.replicas import Replica, Replicas
from holdfast.resilience.settings import PROBE_JITTER, ProbeSettings
from holdfast.resilience.wire import Header, Wire, WireError


def spread(interval_s: float) -> float:
    """Seconds from one probe to the next, drawn evenly around `interval_s`: what comes and goes at a rhythm is seen as
    often as it is there.
    """
    return interval_s * (1 + PROBE_JITTER * (2 * random.random() - 1))


class Prober:
    """Probes `replicas` in the background between `start` and `stop`, over a wire of its own.

    (The callers' wire could be busy, and a probe that waits there would condemn a healthy replica.)
    """

    def __init__(
        self, replicas: Replicas, settings: ProbeSettings, wire: Wire, credential: Callable[[], Header] | None = None
    ) -> None:
        self._replicas = replicas
        self._settings = settings
        self._wire = wire
        self._credential = credential
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name=f"probe-{self._replicas.dependency}")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
            self._task = None
        await self._wire.close()

    async def round(self) -> None:
        """Probe every replica once, all at the same time; takes at most the limit."""
        await asyncio.gather(*(self.probe(replica) for replica in self._replicas.current()))

    async def probe(self, replica: Replica) -> None:
        """Probe one replica: any answer under 500 within the limit is good."""
        loop = asyncio.get_running_loop()
        begun_s = loop.time()
        headers = (self._credential(),) if self._credential else ()
        try:
            async with asyncio.timeout(self._settings.limit_s):
                answer = await self._wire.exchange("GET", replica.url + self._settings.path, headers, b"")
        except (TimeoutError, WireError) as error:
            good = None if loop.time() - begun_s > self._settings.limit_s + self._settings.stall_s else False
            if isinstance(error, WireError) and error.broken_off:
                replica.pace.broke_off()
        else:
            good = answer.status < 500
        if good:
            replica.probe_answered(loop.time() - begun_s)
        elif good is not None:  # None: this process itself stood still, which says nothing about the replica
            replica.probe_missed()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            begun_s = loop.time()
            if "probe" in PROTECTIONS.on:
                await self.round()
            else:
                self._forget()
            next_s = begun_s + spread(self._settings.interval_s)
            await asyncio.sleep(max(0.0, next_s - loop.time()))

    def _forget(self) -> None:
        for replica in self._replicas.current():
            replica.forget_probes()
