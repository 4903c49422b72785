"""The abort condition: a journey that does not need the faulted part is not served any more."""

from collections import deque
from collections.abc import Iterable
from typing import Final

from gameday.verdict.expect import Hypothesis
from gameday.verdict.observation import Observation

_ENOUGH: Final = 10
"""Answers of one journey in the time looked at; of fewer a single one would stop the run."""


class AbortCondition:
    """Keeps the answers of the last seconds. below: the share that must be served, for_s: over how many seconds."""

    def __init__(self, hypothesis: Hypothesis, below: float, for_s: float) -> None:
        self._hypothesis = hypothesis
        self._below = below
        self._for_s = for_s
        self._recent: deque[tuple[float, str, bool]] = deque()

    def reason(self, seen: Iterable[Observation], now: float) -> str:
        """Takes the newest answers; why to stop now, or "" to go on."""
        for one in seen:
            row = self._hypothesis.row_of(one.journey, one.call)
            expect = self._hypothesis.of(row)
            if expect.as_healthy:
                self._recent.append((one.ended, row, one.outcome in expect.allows))
        while self._recent and self._recent[0][0] < now - self._for_s:
            self._recent.popleft()
        for row in dict.fromkeys(row for _, row, _ in self._recent):
            served = [good for _, name, good in self._recent if name == row]
            share = sum(served) / len(served)
            if len(served) >= _ENOUGH and share < self._below:
                return f"{row}, which does not need the part, was served {share:.0%} over {self._for_s:.0f} s"
        return ""
