"""When a row left its objective and when it regained it, second by second."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gameday.verdict.bars import GOODPUT_FOR_S, GOODPUT_SHARE
from gameday.verdict.observation import Observation


@dataclass(frozen=True, slots=True)
class Away:
    """One stretch outside the objective, in unix seconds; `back` is None when it lasted to the end."""

    left: float
    back: float | None


class Goodput:
    """Requests and good ones of each second, counted from `origin` (unix seconds)."""

    def __init__(self, seen: Iterable[Observation], origin: float) -> None:
        self._origin = origin
        self._all: Counter[int] = Counter()
        self._good: Counter[int] = Counter()
        for one in seen:
            second = math.floor(one.began - origin)
            self._all[second] += 1
            self._good[second] += one.good
        self.last = max(self._all, default=-1)

    def healthy_from(self, second: int) -> bool:
        """Whether the GOODPUT_FOR_S seconds from there were seen whole and are good.

        When nobody asked in them, the next second in which somebody did speaks for them.
        """
        window = range(second, second + GOODPUT_FOR_S)
        if not any(self._all[one] for one in window):
            later = next((one for one in range(window[-1] + 1, self.last + 1) if self._all[one]), None)
            return later is not None and not self.bad(later)
        asked = sum(self._all[one] for one in window)
        return window[-1] <= self.last and self._share(window, asked) >= GOODPUT_SHARE

    def bad(self, second: int) -> bool:
        return self._all[second] > 0 and self._good[second] < GOODPUT_SHARE * self._all[second]

    def _share(self, window: Iterable[int], asked: int) -> float:
        return sum(self._good[one] for one in window) / asked


def recovery_s(seen: Iterable[Observation], healed_at: float) -> int | None:
    """The first second after the fault's end after which all is well for GOODPUT_FOR_S seconds; None: not seen."""
    goodput = Goodput((one for one in seen if one.began >= healed_at), healed_at)
    return next((second for second in range(goodput.last + 1) if goodput.healthy_from(second)), None)


def away(seen: Iterable[Observation], origin: float) -> Sequence[Away]:
    """Every stretch outside the objective: from a bad second to the first after which all is well again.

    One bad second of a row with few requests is one request; it counts when the window after it is not well either.
    """
    goodput = Goodput(seen, origin)
    found: list[Away] = []
    second = 0
    while second <= goodput.last:
        if not goodput.bad(second) or goodput.healthy_from(second):
            second += 1
            continue
        back = next((later for later in range(second + 1, goodput.last + 1) if goodput.healthy_from(later)), None)
        found.append(Away(origin + second, None if back is None else origin + back))
        second = goodput.last + 1 if back is None else back
    return found
