"""When somebody comes and what for, settled before the run: the same seed gives the same plan."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from gameday.workload.mix import Step


@dataclass(frozen=True, slots=True)
class Arrival:
    """`at_s` seconds after the start; `seed` decides what is searched, put into the cart, and so on."""

    at_s: float
    step: Step
    seed: int


def poisson(rate: float, seconds: float, seed: int, mix: Sequence[Step]) -> list[Arrival]:
    """Independent arrivals, `rate` a second on average (exponential gaps), each with a step drawn from the mix."""
    dice = random.Random(seed)
    weights = [step.percent for step in mix]
    arrivals: list[Arrival] = []
    at_s = 0.0
    while (at_s := at_s + dice.expovariate(rate)) < seconds:
        arrivals.append(Arrival(at_s, dice.choices(mix, weights)[0], dice.getrandbits(32)))
    return arrivals
