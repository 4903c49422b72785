"""What an experiment's steady state asks."""

import time
from typing import Final

from gameday.chaos import current

_ENOUGH: Final = 20
"""Answers of one journey in the time looked at: of fewer one says too much, they count among all."""


def all_served(last_s: float, share: float) -> bool:
    """Whether so large a share of the last seconds' answers was served: of all, and of each frequent journey."""
    recent = current.run().answered_since(time.time() - last_s)
    groups = [recent, *([one for one in recent if one.journey == name] for name in {one.journey for one in recent})]
    frequent = [group for group in groups if len(group) >= _ENOUGH]
    return bool(frequent) and all(sum(one.good for one in group) >= share * len(group) for group in frequent)
