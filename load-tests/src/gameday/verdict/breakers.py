"""When breakers opened, as far as samples of their states can tell."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gameday.monitor.samples import Sample

BOARD_S: Final = 1.0
"""A gateway tells its own breakers at once, those of others as its status board heard of them up to a second ago."""


@dataclass(frozen=True, slots=True)
class Opening:
    """The breaker opened between these seconds after the fault: samples show states, not moments."""

    earliest_s: float
    latest_s: float


def opening(samples: Sequence[Sample], dependency: str, struck_at: float, until: float) -> Opening | None:
    """The first time after the fault that a breaker of calls to `dependency` was seen open; None: it was not."""
    before = struck_at
    for sample in samples:
        if sample.at >= until:
            break
        if sample.at < struck_at:
            continue
        opened = [one for one in sample.breakers if one.to == dependency and one.state == "open"]
        if opened:
            late_s = 0.0 if any(one.source == "gateway" for one in opened) else BOARD_S
            return Opening(max(0.0, before - struck_at - late_s), sample.at - struck_at)
        before = sample.at
    return None
