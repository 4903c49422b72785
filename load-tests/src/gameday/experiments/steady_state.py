"""Whether shoppers are served: of all, and of those of each frequent journey."""

from collections.abc import Sequence
from typing import Final

from gameday.verdict.observation import Observation

_ENOUGH: Final = 20
"""Answers of one journey in the time looked at: of fewer one says too much, they count among all."""


def served(recent: Sequence[Observation], share: float) -> bool:
    """Whether at least so large a share of these answers, and of each frequent journey's, was good."""
    groups = [recent, *([one for one in recent if one.journey == name] for name in {one.journey for one in recent})]
    frequent = [group for group in groups if len(group) >= _ENOUGH]
    return bool(frequent) and all(sum(one.good for one in group) >= share * len(group) for group in frequent)
