"""Under more load than can be served: goodput must not collapse, and the most important suffers last."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from gameday.verdict import bars
from gameday.verdict.observation import Observation
from gameday.verdict.phases import Phase, Span
from gameday.verdict.rows import ORDER
from gameday.verdict.verdict import Finding, Overload, Weight

MOST_IMPORTANT = ORDER[0]
_NEED_NOBODY = frozenset({"account"})
"""Mostly guests' sessions, which the gateway makes alone: what they need does not run short."""


def overload(seen: Sequence[Observation], span: Span, bar_per_s: float) -> Overload:
    """What was served of the requests that began in this span, and of those who were told to come back, and in it did.

    A late answer counts as failed already. The shares are of what was served at once.
    """
    asked: dict[str, int] = defaultdict(int)
    served: dict[str, int] = defaultdict(int)
    for one in seen:
        if span.began <= one.began < span.ended:
            asked[one.journey] += 1
            served[one.journey] += one.served
    shares = {journey: served[journey] / count for journey, count in asked.items()}
    came_back = sum(one.came_back is not None and span.began <= one.came_back < span.ended for one in seen)
    length_s = span.ended - span.began
    at_once = sum(served.values())
    return Overload((at_once + came_back) / length_s, at_once / length_s, bar_per_s, shares)


def overload_findings(shown: Overload) -> Iterator[Finding]:
    if shown.goodput_per_s < shown.bar_per_s:
        text = f"All, {Phase.FAULT}: {shown.goodput_per_s:.1f} served a second, bar {shown.bar_per_s:.1f}."
        yield Finding(Weight.BAR, text)
    best = shown.shares.get(MOST_IMPORTANT, 1.0)
    for journey, share in shown.shares.items():
        if journey not in _NEED_NOBODY and share > best + bars.LAST_TO_SUFFER_SHARE:
            told = f"{MOST_IMPORTANT}, {Phase.FAULT}: {best:.1%} served"
            yield Finding(Weight.BAR, f"{told}, {journey} {share:.1%}, bar: the last to suffer.")
