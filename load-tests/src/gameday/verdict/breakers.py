"""When breakers opened, as far as samples of their states can tell."""

from collections.abc import Sequence
from dataclasses import dataclass

from gameday.watch.samples import Sample


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
        if any(breaker.to == dependency and breaker.state == "open" for breaker in sample.breakers):
            return Opening(before - struck_at, sample.at - struck_at)
        before = sample.at
    return None
