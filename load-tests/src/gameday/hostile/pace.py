"""How many calls a second an attacker makes: as many as its share of a core pays for, and never too few."""

from typing import Final

CPU_SHARE: Final = 0.17
"""Of one core, for the attacker's own process: 0.15 to 0.2. It shares two cores with the shop, where a real one would
have its own."""
MOST_PER_S: Final = 2_000.0
_SPARE: Final = 1.5  # above the least count: windows of 2 s differ by chance
_STEP: Final = 2.0  # a rate at most doubles or halves from one look to the next
_WEIGHT: Final = 0.5  # of the newest look, the older ones have the rest


class PhaseLengths:
    """Adapts the rate to what the last calls cost. `least_per_2s`: the rate never falls below this count."""

    def __init__(self, least_per_2s: int) -> None:
        self._least = _SPARE * least_per_2s / 2
        self._share: float | None = None
        self.rate = 2 * self._least

    def look(self, cpu_s: float, wall_s: float, held_back: bool) -> None:
        """Takes the CPU time used since the last look. `held_back`: more calls were due than clients were free for."""
        share = cpu_s / wall_s
        self._share = share if self._share is None else _WEIGHT * share + (1 - _WEIGHT) * self._share
        factor = min(_STEP, max(1 / _STEP, CPU_SHARE / max(self._share, 1e-6)))
        if held_back:
            factor = min(factor, 1.0)
        self.rate = min(MOST_PER_S, max(self._least, self.rate * factor))
