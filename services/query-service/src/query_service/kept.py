"""A bounded memory of answers that are dear to make: each is made once, however many ask for it at once."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from holdfast.resilience.clock import SYSTEM_CLOCK, Clock

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class KeptAnswers(Generic[K, V]):
    """The last `at_most` answers, each for `fresh_s` seconds. Failures are not kept."""

    def __init__(self, *, fresh_s: float, at_most: int, clock: Clock = SYSTEM_CLOCK) -> None:
        self._fresh_s = fresh_s
        self._at_most = at_most
        self._clock = clock
        self._answers: OrderedDict[K, tuple[float, V]] = OrderedDict()
        self._making: dict[K, asyncio.Task[V]] = {}

    def __len__(self) -> int:
        return len(self._answers)

    async def get(self, key: K, make: Callable[[], Awaitable[V]]) -> V:
        """The kept answer, or what `make` gives. `make` runs on its own: a caller that leaves does not end it, so it
        needs a deadline of its own. Raises what `make` raises, for all who wait for it.
        """
        kept = self._answers.get(key)
        if kept is not None and self._clock.now() < kept[0]:
            self._answers.move_to_end(key)
            return kept[1]
        task = self._making.get(key)
        if task is None:
            task = asyncio.ensure_future(self._make(key, make))
            self._making[key] = task
            task.add_done_callback(lambda done: self._made(key, done))
        return await asyncio.shield(task)

    async def _make(self, key: K, make: Callable[[], Awaitable[V]]) -> V:
        answer = await make()
        self._answers[key] = (self._clock.now() + self._fresh_s, answer)
        self._answers.move_to_end(key)
        while len(self._answers) > self._at_most:
            self._answers.popitem(last=False)
        return answer

    def _made(self, key: K, task: asyncio.Task[V]) -> None:
        del self._making[key]
        if not task.cancelled():
            task.exception()  # seen: the last one waiting may have left
