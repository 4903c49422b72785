"""One call for all who ask the same at the same time (golang.org/x/sync/singleflight, for asyncio)."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

V = TypeVar("V")
Make = Callable[[], Awaitable[V]]


class _Flight(Generic[V]):
    __slots__ = ("awaited", "task", "waiting")

    def __init__(self, task: asyncio.Task[V], *, awaited: bool) -> None:
        self.task = task
        self.waiting = 0
        self.awaited = awaited


class SingleFlight(Generic[V]):
    """Runs each key's work once at a time, as a task of its own. One event loop.

    Whoever asked first can leave like any other: the rest go on waiting. When nobody waits any more the work is
    cancelled, unless it was begun in the background. Give the work a deadline of its own, not one caller's.
    """

    def __init__(self) -> None:
        self._flights: dict[str, _Flight[V]] = {}

    def __contains__(self, key: str) -> bool:
        return key in self._flights

    @property
    def in_background(self) -> int:
        """How many of those under way were begun in the background."""
        return sum(not flight.awaited for flight in self._flights.values())

    async def run(self, key: str, make: Make[V]) -> V:
        """What the work under way for `key` gives, or `make`'s if there is none. Raises what it raises, for all."""
        flight = self._flights.get(key) or self._begin(key, make, awaited=True)
        flight.waiting += 1
        try:
            return await asyncio.shield(flight.task)
        finally:
            flight.waiting -= 1
            if not flight.waiting and flight.awaited and not flight.task.done():
                self._forget(key, flight)  # at once: the next caller must not join what is being cancelled
                flight.task.cancel()

    def begin(self, key: str, make: Make[V]) -> None:
        """Begin the work in the background unless it is under way. What it raises, nobody hears unless they join."""
        if key not in self._flights:
            self._begin(key, make, awaited=False)

    async def close(self) -> None:
        """Cancel everything under way."""
        tasks = [flight.task for flight in self._flights.values()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _begin(self, key: str, make: Make[V], *, awaited: bool) -> _Flight[V]:
        flight = _Flight(asyncio.ensure_future(_made(make)), awaited=awaited)
        self._flights[key] = flight
        flight.task.add_done_callback(lambda task: self._landed(key, flight, task))
        return flight

    def _landed(self, key: str, flight: _Flight[V], task: asyncio.Task[V]) -> None:
        self._forget(key, flight)
        if not task.cancelled():
            task.exception()  # seen, or asyncio would log it as lost

    def _forget(self, key: str, flight: _Flight[V]) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]


async def _made(make: Make[V]) -> V:
    return await make()
