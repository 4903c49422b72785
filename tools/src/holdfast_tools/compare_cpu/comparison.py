"""The rounds of two stacks in turn, until there are enough or the time is over."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from holdfast_tools.compare_cpu import report, rounds
from holdfast_tools.compare_cpu.errors import Refused, RoundFailed, TimeUp
from holdfast_tools.compare_cpu.journeys import Journey
from holdfast_tools.compare_cpu.report import Pair, of_journey
from holdfast_tools.compare_cpu.stack import Stack
from holdfast_tools.compare_cpu.statistics import Ratio, narrow_enough, order, ratio

_TRIES = 3


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured; `pairs` is how many pairs of rounds, None for as many as the bar's margin needs."""

    journeys: Sequence[Journey]
    products: Sequence[str]
    bar: float
    pairs: int | None
    seed: int


def say(text: str) -> None:
    """A line of progress, on stderr."""
    print(text, file=sys.stderr, flush=True)


def ratios(pairs: Sequence[Pair], plan: Plan) -> dict[str, Ratio]:
    """Of each journey, of at least two pairs."""
    return {one.name: ratio(of_journey(pairs, one.name), (plan.seed, one.name)) for one in plan.journeys}


def compare(stacks: tuple[Stack, Stack], plan: Plan) -> list[Pair]:
    """Rounds of both stacks, which are started for each one anew, so that all are alike; A first, then B first.

    Ends with what is complete when a round fails three times or the time is up.
    """
    pairs: list[Pair] = []
    try:
        for first, second in order():
            done = _round((stacks[first], stacks[second]), plan, len(pairs) + 1)
            pairs.append((done[first], done[second]))
            if _enough(pairs, plan):
                break
    except RoundFailed as error:
        say(f"ends early: {error}")
    except TimeUp:
        say("ends early: the time is over")
    return pairs


def _enough(pairs: Sequence[Pair], plan: Plan) -> bool:
    if plan.pairs is not None:
        return len(pairs) >= plan.pairs
    return len(pairs) > 1 and all(narrow_enough(one, plan.bar) for one in ratios(pairs, plan).values())


def _round(stacks: tuple[Stack, Stack], plan: Plan, number: int) -> Pair:
    """Raises RoundFailed when it failed three times."""

    def attempt() -> Pair:
        with stacks[0].running() as first, stacks[1].running() as second:
            return rounds.measure((first, second), plan.journeys, plan.products, (plan.seed, number))

    done = repeated(attempt, f"round {number}")
    for stack, its in zip(stacks, done, strict=True):
        say(f"round {number} of {stack.label}: {report.line(its)}")
    return done


def repeated(attempt: Callable[[], Pair], name: str) -> Pair:
    """What `attempt` returns, tried three times at most and each failure reported. Raises the last RoundFailed."""
    for left in reversed(range(_TRIES)):
        try:
            return attempt()
        except RoundFailed as error:
            say(f"{name} failed: {error}" + ("; it is repeated" if left else ""))
            if not left:
                raise
    raise Refused("no attempt was made")
