"""Calls in flight that end at once when what they wait for is known to be lost, not at their own deadline."""

from collections.abc import Iterator
from contextlib import contextmanager

from holdfast.resilience.limit import Limit


class Watches:
    """The calls in flight to one replica or store."""

    __slots__ = ("_limits",)

    def __init__(self) -> None:
        self._limits: set[Limit] = set()

    @contextmanager
    def watched(self, limit: Limit) -> Iterator[None]:
        """While the block runs, `lose` ends it by way of its `limit`."""
        self._limits.add(limit)
        try:
            yield
        finally:
            self._limits.remove(limit)

    def lose(self) -> None:
        """End them all. Call it on their event loop."""
        for limit in self._limits:
            limit.lose()
