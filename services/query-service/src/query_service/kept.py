"""A bounded memory of answers that are dear to make: each is made once, however many ask for it at once."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from holdfast.resilience.clock import SYSTEM_CLOCK, Clock
from holdfast.resilience.singleflight import SingleFlight

V = TypeVar("V")


class KeptAnswers(Generic[V]):
    """The last `at_most` answers, each for `fresh_s` seconds. Failures are not kept."""

    def __init__(self, *, fresh_s: float, at_most: int, clock: Clock = SYSTEM_CLOCK) -> None:
        self._fresh_s = fresh_s
        self._at_most = at_most
        self._clock = clock
        self._answers: OrderedDict[str, tuple[float, V]] = OrderedDict()
        self._making: SingleFlight[V] = SingleFlight()

    def __len__(self) -> int:
        return len(self._answers)

    async def get(self, key: str, make: Callable[[], Awaitable[V]]) -> V:
        """The kept answer, or what `make` gives. `make` runs for all who wait for it, whoever of them leaves, so it
        needs a deadline of its own. Raises what `make` raises, for all of them.
        """
        kept = self._answers.get(key)
        if kept is not None and self._clock.now() < kept[0]:
            self._answers.move_to_end(key)
            return kept[1]
        return await self._making.run(key, lambda: self._make(key, make))

    async def _make(self, key: str, make: Callable[[], Awaitable[V]]) -> V:
        answer = await make()
        self._answers[key] = (self._clock.now() + self._fresh_s, answer)
        self._answers.move_to_end(key)
        while len(self._answers) > self._at_most:
            self._answers.popitem(last=False)
        return answer
