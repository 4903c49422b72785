"""How much a server takes on at once: one adaptive limit, shared by priority, and what is over it is shed early.

The limit is AIMD (Chiu and Jain; Netflix concurrency-limits): it grows by a step while calls come back in time and
shrinks by a share while too many are late, so it finds what this process does well on the machine it runs on. Each
priority may fill a share of the limit; the important ones always find room that the others cannot take.
"""

import asyncio
import random
from collections import deque
from collections.abc import Callable, Mapping
from enum import IntEnum
from typing import Self

from holdfast.resilience.clock import SYSTEM_CLOCK, Clock
from holdfast.resilience.errors import Overloaded
from holdfast.resilience.protections import PROTECTIONS
from holdfast.resilience.settings import AdmissionSettings

_RETRY_AFTER_S = (1, 3)  # drawn evenly: those who were shed together do not come back together


class Priority(IntEnum):
    """What a call is worth to the shop when not all can be served; the smaller number goes first."""

    CHECKOUT = 0
    CART = 1
    BROWSE = 2
    RECOMMENDATIONS = 3
    ANONYMOUS = 4
    """Any call without a token: it costs its caller nothing to make another."""


class AdaptiveLimit:
    """Calls at once, moved after each window by how many of its calls were late."""

    def __init__(self, settings: AdmissionSettings, *, clock: Clock = SYSTEM_CLOCK) -> None:
        self._settings = settings
        self._clock = clock
        self._limit = float(settings.first)
        self._ends_s = clock.now() + settings.window_s
        self._calls = 0
        self._late = 0
        self._most_in_flight = 0

    @property
    def value(self) -> int:
        return int(self._limit)

    def record(self, *, late: bool, in_flight: int) -> None:
        """A call has ended, while `in_flight` were under way, itself included."""
        self._calls += 1
        self._late += late
        self._most_in_flight = max(self._most_in_flight, in_flight)
        settings = self._settings
        if self._clock.now() < self._ends_s or self._calls < settings.least_calls:
            return
        if self._late > settings.late_share * self._calls:
            self._limit = max(settings.smallest, self._limit * settings.decrease)
        elif self._most_in_flight >= self._limit / 2 or self._limit < settings.first:
            # A limit that nobody reaches says nothing, but what a fault took from it comes back.
            self._limit = min(settings.largest, self._limit + settings.increase)
        self._ends_s = self._clock.now() + settings.window_s
        self._calls = self._late = self._most_in_flight = 0


class Admission:
    """Admits calls while there is room for their priority; a few wait for a moment, the rest are shed. One event loop.

    Invariant: a call waits only while its priority's share is full, since shares shrink with importance and every place
    that is given back goes to the most important call that waits.
    """

    def __init__(
        self,
        settings: AdmissionSettings | None = None,
        *,
        clock: Clock = SYSTEM_CLOCK,
        rng: Callable[[int, int], int] = random.randint,
    ) -> None:
        self._settings = settings or AdmissionSettings()
        self._limit = AdaptiveLimit(self._settings, clock=clock)
        self._clock = clock
        self._rng = rng
        self._waiting: dict[Priority, deque[asyncio.Future[None]]] = {priority: deque() for priority in Priority}
        self._shed = dict.fromkeys(Priority, 0)
        self.in_flight = 0

    @property
    def limit(self) -> int:
        """Calls that may be under way at once."""
        return self._limit.value

    @property
    def waiting(self) -> int:
        return sum(map(len, self._waiting.values()))

    @property
    def shed(self) -> Mapping[Priority, int]:
        """How many calls were turned away since the start."""
        return self._shed

    def slot(self, priority: Priority, total_s: float) -> "Slot":
        """`async with admission.slot(...) as slot:` holds a place for the length of the block, which has `total_s`.

        Entering raises Overloaded, within the longest wait of the settings.
        """
        return Slot(self, priority, self._settings.late_after * total_s)

    def require(self, priority: Priority) -> None:
        """Raise Overloaded if a call of this priority would be turned away now. Takes no place."""
        if not self._takes(priority) and not self._displaceable(priority):
            raise self._turned_away(priority)

    async def enter(self, priority: Priority) -> None:
        """Take a place, or wait for one for a moment; then `leave` must be called. Raises Overloaded."""
        if self._has_room(priority) or "shedding" not in PROTECTIONS.on:
            self.in_flight += 1
            return
        if self.waiting >= self._settings.queue:
            least = self._displaceable(priority)
            if least is None:
                raise self._turned_away(priority)
            self._turn_away(least, self._waiting[least][-1])
        await self._wait(priority)

    def leave(self, late: bool | None) -> None:
        """Give the place back. late: whether the call took too long; None: its time says nothing about the load."""
        if late is not None:
            self._limit.record(late=late, in_flight=self.in_flight)
        self.in_flight -= 1
        self._hand_over()

    def now_s(self) -> float:
        return self._clock.now()

    def _takes(self, priority: Priority) -> bool:
        return self._has_room(priority) or "shedding" not in PROTECTIONS.on or self.waiting < self._settings.queue

    def _displaceable(self, priority: Priority) -> Priority | None:
        """The least important priority that waits, if it is less important than `priority`: its newest call can go."""
        least = max((other for other in Priority if self._waiting[other]), default=priority)
        return least if least > priority else None

    def _has_room(self, priority: Priority) -> bool:
        return self.in_flight < self._settings.shares[priority] * self._limit.value

    async def _wait(self, priority: Priority) -> None:
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[None] = loop.create_future()
        waiting = self._waiting[priority]
        waiting.append(turn)
        timer = loop.call_later(self._settings.max_wait_s, self._turn_away, priority, turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self.in_flight -= 1  # the place came together with the cancellation: to the next
                self._hand_over()
            raise
        finally:
            timer.cancel()
            if turn in waiting:
                waiting.remove(turn)

    def _turn_away(self, priority: Priority, turn: asyncio.Future[None]) -> None:
        self._waiting[priority].remove(turn)
        if not turn.done():
            turn.set_exception(self._turned_away(priority))

    def _turned_away(self, priority: Priority) -> Overloaded:
        self._shed[priority] += 1
        return Overloaded(retry_after_s=self._rng(*_RETRY_AFTER_S))

    def _hand_over(self) -> None:
        for priority, waiting in self._waiting.items():
            while waiting and self._has_room(priority):
                turn = waiting.popleft()
                if not turn.done():  # cancelled, but its task has not run since
                    self.in_flight += 1
                    turn.set_result(None)


class Slot:
    """One call's place. A call whose length its caller decides (a slow card, a token to wait for) is not `judged`."""

    __slots__ = ("_admission", "_begun_s", "_late_after_s", "_priority", "judged")

    def __init__(self, admission: Admission, priority: Priority, late_after_s: float) -> None:
        self._admission = admission
        self._priority = priority
        self._late_after_s = late_after_s
        self._begun_s = admission.now_s()
        self.judged = True
        """Whether the call's time moves the limit. Set it to False where it says nothing about the load."""

    async def __aenter__(self) -> Self:
        await self._admission.enter(self._priority)
        return self

    async def __aexit__(self, *_: object) -> None:
        late = self._admission.now_s() - self._begun_s > self._late_after_s
        self._admission.leave(late if self.judged else None)
