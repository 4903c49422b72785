"""The highest rate of open arrivals that a healthy shop serves: how it is searched for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from holdfast_tools.command_line import UserError

GOOD_SHARE: Final = 0.99
P99_MS: Final = 500.0  # from the intended start: a queue that grows passes it within seconds, a busy shop does not
LATE_MS: Final = 50.0  # p99 of the generator's own delay: above it the generator is what is measured
_GROWTH: Final = 1.5
_CLOSE: Final = 1.08  # the last good rate and the first bad one are this near: finer than one run repeats
_HIGHEST: Final = 5_000.0
_LESS: Final = 0.9  # of a rate that did not last, the next that is tried
_TRIES: Final = 5


@dataclass(frozen=True, slots=True)
class Probe:
    """What the shop did at one rate, a second; every request sent once."""

    rate: float
    requests: int
    good_share: float
    p99_ms: float
    lag_p99_ms: float

    @property
    def good(self) -> bool:
        return self.good_share >= GOOD_SHARE and self.p99_ms <= P99_MS and self.lag_p99_ms <= LATE_MS

    def __str__(self) -> str:
        return (
            f"{self.rate:6.0f}/s: {self.good_share:.2%} good, p99 {self.p99_ms:,.0f} ms, sent "
            f"{self.lag_p99_ms:.0f} ms late (p99){'' if self.good else ': too much'}"
        )


def highest_good(probe: Callable[[float], Probe], first: float, may_go_on: Callable[[], bool]) -> list[Probe]:
    """Every probe made: up by halves until one is bad twice, then between the last good rate and the first bad one.

    One bad probe of a good rate is a hiccup of the machine: it is tried again before it counts.
    """
    probes: list[Probe] = []

    def good(rate: float) -> bool:
        for _ in range(2):
            probes.append(probe(rate))
            if probes[-1].good:
                return True
        return False

    rate = first
    while good(rate) and rate < _HIGHEST and may_go_on():
        rate *= _GROWTH
    low, high = rate / _GROWTH, rate
    while high > low * _CLOSE and may_go_on():
        middle = (low * high) ** 0.5
        low, high = (middle, high) if good(middle) else (low, middle)
    return probes


def lasting(probe: Callable[[float], Probe], rate: float) -> list[Probe]:
    """Every probe made: of this rate, and of less and less until one is good. `probe` takes its time: queues, caches
    and the collectors of garbage show what they are only then.
    """
    probes: list[Probe] = []
    while len(probes) < _TRIES and not (probes and probes[-1].good):
        probes.append(probe(rate * _LESS ** len(probes)))
    return probes


def best(probes: Sequence[Probe]) -> Probe:
    """The highest rate that was served. Raises UserError when none was."""
    good = [probe for probe in probes if probe.good]
    if not good:
        raise UserError(f"the shop is not healthy: {probes[-1]}")
    return max(good, key=lambda probe: probe.rate)
