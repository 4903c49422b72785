"""How long background work waits before it tries again."""

import random
from collections.abc import Callable
from typing import Final

FIRST_S: Final = 0.1
LONGEST_S: Final = 2.0


class Backoff:
    """Waits that double from 0.1 s to 2 s, with jitter of a quarter either way; `reset` after a success."""

    def __init__(self, rng: Callable[[], float] = random.random) -> None:
        self._rng = rng
        self._next_s = FIRST_S

    def reset(self) -> None:
        self._next_s = FIRST_S

    def next_s(self) -> float:
        wait_s = self._next_s
        self._next_s = min(LONGEST_S, wait_s * 2)
        return wait_s * (0.75 + self._rng() / 2)
