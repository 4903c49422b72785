"""Calls in flight that end at once when what they wait for is known to be lost, not at their own deadline."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


class Watch:
    """One such call: `lost` tells why its scope ended."""

    __slots__ = ("lost", "scope")

    def __init__(self, scope: asyncio.Timeout) -> None:
        self.scope = scope
        self.lost = False


class Watches:
    """The calls in flight to one replica or store."""

    __slots__ = ("_watches",)

    def __init__(self) -> None:
        self._watches: set[Watch] = set()

    @contextmanager
    def watched(self, scope: asyncio.Timeout) -> Iterator[Watch]:
        """While the block runs, `lose` makes `scope` end at once, with `lost` set."""
        watch = Watch(scope)
        self._watches.add(watch)
        try:
            yield watch
        finally:
            self._watches.remove(watch)

    def lose(self) -> None:
        """End them all. Call it on their event loop."""
        now_s = asyncio.get_running_loop().time()
        for watch in self._watches:
            if not watch.scope.expired():
                watch.lost = True
                watch.scope.reschedule(now_s)
