"""An answer made of several parts: a required one fails it, an optional one is left out and said to be missing."""

from collections.abc import Awaitable
from typing import TypeVar

from holdfast.resilience.errors import ResilienceError

T = TypeVar("T")


class Composed:
    """The parts of one answer that could not be had, by name. What is required is simply awaited."""

    def __init__(self) -> None:
        self.missing: list[str] = []

    async def optional(self, name: str, part: Awaitable[T], instead: T) -> T:
        """The part, or `instead` when what it depends on gives none (any ResilienceError)."""
        try:
            return await part
        except ResilienceError:
            self.missing.append(name)
            return instead
