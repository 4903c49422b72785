"""Turns at one worker, with a share of the processor for each class of callers and fairness between their networks.

Callers who bear a token or come from a network that their account knows are one class, all others another. Each class
has its own queue and its own share of CPU time, so that neither can take the other's. Within a class the caller whose
network had the fewest turns of late is next, and is the last to be refused: a flood from one network displaces itself
(longest queue drop with fair queueing; Demers, Keshav and Shenker, 1989).
"""

import asyncio
import itertools
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Final

from holdfast.resilience.clock import SYSTEM_CLOCK, Clock
from holdfast.resilience.deadline import Deadline
from holdfast.resilience.errors import BulkheadFull
from holdfast.resilience.protections import PROTECTIONS
from holdfast.resilience.time_share import TimeShare, TimeShareSettings

# The gateway's attempt has 1 s: what is left after this wait is enough for a hash on a busy machine. A call that waited
# to the end of its attempt would look like a replica that does not answer.
MAX_WAIT_S: Final = 0.6
_REMEMBERED_TURNS: Final = 32


@dataclass(frozen=True, slots=True)
class Source:
    """Where a call comes from: its network and the subject of its token, None where unknown.

    `known` tells that the account which the call names knows the network.
    """

    network: str | None
    subject: str | None = None
    known: bool = False

    @property
    def trusted(self) -> bool:
        return self.known or self.subject is not None


@dataclass(frozen=True, slots=True)
class ShareSettings:
    """The CPU time and the queue of a class. A call waits for `max_wait_s` and half of its deadline at most."""

    cpu: TimeShareSettings
    queue: int = 4
    max_wait_s: float = MAX_WAIT_S


# A hash takes 20 to 30 ms. In a load of 150 calls a second each class hashes 0.3 times a second. All shares of two
# replicas together are half of a core, those without a token a tenth.
TRUSTED: Final = ShareSettings(TimeShareSettings(share=0.2, burst_s=0.5))  # 8 hashes a second, 20 at once
OTHERS: Final = ShareSettings(TimeShareSettings(share=0.05, burst_s=0.25))  # 2 hashes a second, 10 at once


@dataclass(eq=False, slots=True)
class Waiting:
    """One call in the queue; `turn` is set when it may begin, or to BulkheadFull."""

    source: Source
    arrival: int
    turn: "asyncio.Future[None]"


@dataclass(slots=True)
class Share:
    """The queue and the CPU account of one class."""

    settings: ShareSettings
    cpu: TimeShare
    waiting: list[Waiting] = field(default_factory=list)
    _served: "deque[Source]" = field(default_factory=lambda: deque(maxlen=_REMEMBERED_TURNS))

    def join(self, newcomer: Waiting) -> Waiting | None:
        """Queue up. The call that has to leave for it, which may be the newcomer, or None while there is room.

        While the account is overdrawn one call waits: more would hold the gateway's places for nothing.
        """
        self.waiting.append(newcomer)
        room = 1 if self.cpu.wait_s() > 0 else self.settings.queue
        if len(self.waiting) <= room or "bulkhead" not in PROTECTIONS.on:
            return None
        leaving = max(self.waiting, key=self._order())
        self.waiting.remove(leaving)
        return leaving

    def drop_cancelled(self) -> None:
        """Forget calls whose callers have given up."""
        self.waiting = [each for each in self.waiting if not each.turn.done()]

    def pop_next(self) -> Waiting:
        """Who is next. There must be one."""
        chosen = min(self.waiting, key=self._order())
        self.waiting.remove(chosen)
        self._served.append(chosen.source)
        return chosen

    def _order(self) -> "_Order":
        sources = [*self._served, *(each.source for each in self.waiting)]
        return _Order(Counter(source.network for source in sources), Counter(sources))


@dataclass(frozen=True, slots=True)
class _Order:
    """Calls by how much their network, then their token, had and wants; then by arrival."""

    networks: Counter[str | None]
    sources: Counter[Source]

    def __call__(self, waiting: Waiting) -> tuple[int, int, int]:
        return self.networks[waiting.source.network], self.sources[waiting.source], waiting.arrival


class Turns:
    """One turn at a time. For one event loop."""

    def __init__(
        self,
        name: str,
        *,
        trusted: ShareSettings = TRUSTED,
        others: ShareSettings = OTHERS,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._name = name
        self._trusted = Share(trusted, TimeShare(trusted.cpu, clock))
        self._others = Share(others, TimeShare(others.cpu, clock))
        self._busy = False
        self._arrivals = itertools.count()
        self._alarm: asyncio.TimerHandle | None = None

    async def take(self, source: Source, deadline: Deadline) -> None:
        """Wait for a turn; then `give_back` must be called. Raises BulkheadFull when refused or displaced."""
        loop = asyncio.get_running_loop()
        share = self._share(source)
        waiting = Waiting(source, next(self._arrivals), loop.create_future())
        leaving = share.join(waiting)
        if leaving is waiting:
            raise BulkheadFull(self._name)
        if leaving is not None and not leaving.turn.done():
            leaving.turn.set_exception(BulkheadFull(self._name))
        self._begin_next()
        alarm = self._give_up_later(share, waiting, deadline)
        try:
            await waiting.turn
        except asyncio.CancelledError:
            if waiting in share.waiting:
                share.waiting.remove(waiting)
            elif not waiting.turn.cancelled() and waiting.turn.exception() is None:
                self.give_back(source, 0.0)  # the turn had just been given
            raise
        finally:
            if alarm is not None:
                alarm.cancel()

    def give_back(self, source: Source, cpu_s: float) -> None:
        """End a turn that took so much CPU time."""
        self._share(source).cpu.charge(cpu_s)
        self._busy = False
        self._begin_next()

    def close(self) -> None:
        """Nobody's turn comes any more."""
        self._busy = True
        if self._alarm is not None:
            self._alarm.cancel()

    def _share(self, source: Source) -> Share:
        return self._trusted if source.trusted else self._others

    def _begin_next(self) -> None:
        if self._busy:
            return
        waits_s = []
        for share in (self._trusted, self._others):
            share.drop_cancelled()
            if not share.waiting:
                continue
            wait_s = share.cpu.wait_s()
            if wait_s <= 0:
                self._busy = True
                share.pop_next().turn.set_result(None)
                return
            waits_s.append(wait_s)
        if waits_s:
            self._look_again_in(min(waits_s))

    def _look_again_in(self, seconds: float) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = asyncio.get_running_loop().call_later(seconds, self._begin_next)

    def _give_up_later(self, share: Share, waiting: Waiting, deadline: Deadline) -> asyncio.TimerHandle | None:
        if "bulkhead" not in PROTECTIONS.on or waiting not in share.waiting:
            return None

        def give_up() -> None:
            if waiting in share.waiting:
                share.waiting.remove(waiting)
                if not waiting.turn.done():
                    waiting.turn.set_exception(BulkheadFull(self._name))

        return asyncio.get_running_loop().call_later(
            min(share.settings.max_wait_s, deadline.remaining_s() / 2), give_up
        )
