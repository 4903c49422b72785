"""Fault knobs: how the service misbehaves on purpose, each with a percentage and an expiry.

They act on PUT /charges and PUT /voids before any work: to its caller the service then looks slow, broken or
hanging, and nothing was charged. They live in memory: a restart lifts them all.
"""

import asyncio
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum


class Knob(StrEnum):
    """The kinds of fault."""

    LATENCY_MS = "latency_ms"
    """Answers come later by `value` milliseconds."""
    ERROR_RATE = "error_rate"
    """Answers are 500 at once."""
    HANG = "hang"
    """No answer until the knob expires or is lifted."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One knob that is set. `percent` (0–100] of the calls are hit; `value` counts for latency_ms only."""

    percent: float
    expires_at: float
    value: int = 0


class InjectedError(Exception):
    """The error_rate knob hit this call."""


class Faults:
    """The knobs that are set now. `clock` gives seconds that only rise; `draw` a uniform number in [0, 1)."""

    def __init__(self, clock: Callable[[], float], draw: Callable[[], float] = random.random) -> None:
        self._clock = clock
        self._draw = draw
        self._set: dict[Knob, Fault] = {}
        self._changed = asyncio.Event()

    def replace(self, knobs: Mapping[Knob, tuple[float, float, int]]) -> None:
        """Sets exactly these knobs, each (percent, seconds until it expires, value); others are lifted."""
        now = self._clock()
        self._set = {
            knob: Fault(percent, now + expires_in_s, value) for knob, (percent, expires_in_s, value) in knobs.items()
        }
        self._wake()

    def active(self) -> dict[Knob, tuple[Fault, float]]:
        """The knobs that have not expired, each with the seconds that it still has."""
        now = self._clock()
        return {knob: (fault, fault.expires_at - now) for knob, fault in self._set.items() if fault.expires_at > now}

    async def strike(self) -> None:
        """Does to one call what the knobs say. Raises InjectedError."""
        knobs = self.active()
        hit = {knob: pair for knob, pair in knobs.items() if self._draw() * 100 < pair[0].percent}
        if Knob.LATENCY_MS in hit:
            fault, left_s = hit[Knob.LATENCY_MS]
            await self._hold(Knob.LATENCY_MS, min(fault.value / 1000, left_s))
        if Knob.HANG in hit:
            await self._hold(Knob.HANG, hit[Knob.HANG][1])
        if Knob.ERROR_RATE in hit:
            raise InjectedError

    async def _hold(self, knob: Knob, seconds: float) -> None:
        # Until the time is over or the knob is lifted, so that calls held by a fault end with the fault.
        ends_at = self._clock() + seconds
        while knob in self.active() and (left_s := ends_at - self._clock()) > 0:
            try:
                async with asyncio.timeout(left_s):
                    await self._changed.wait()
            except TimeoutError:
                return

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
