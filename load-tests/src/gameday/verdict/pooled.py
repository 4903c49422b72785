"""All runs of one row of the matrix together: more requests show a higher share."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from gameday.verdict import bars
from gameday.verdict.expect import Expect
from gameday.verdict.phases import Phase
from gameday.verdict.rows import journey_of
from gameday.verdict.verdict import Row

_POOLED = (Phase.FAULT, Phase.RECOVERY, Phase.AFTER)


@dataclass(frozen=True, slots=True)
class Pool:
    """One journey that does not need the part, over the runs of one row of the matrix."""

    matrix_row: str
    journey: str
    runs: int
    requests: int
    served: int

    @property
    def share(self) -> float:
        return self.served / self.requests if self.requests else 0.0

    @property
    def bar(self) -> float:
        return bars.POOLED_SHARES[self.journey]

    @property
    def enough(self) -> bool:
        """Whether so many requests can show the bar with 95 % confidence."""
        return self.requests >= bars.POOLED_ENOUGH[self.bar]

    @property
    def missed(self) -> bool:
        return self.enough and self.share < self.bar


def pooled(runs: Iterable[tuple[str, Sequence[Row]]]) -> Sequence[Pool]:
    """Each run as the matrix row it belongs to and its rows; one Pool a matrix row and journey, in their order."""
    pools: dict[tuple[str, str], Pool] = {}
    for matrix_row, rows in runs:
        for journey, (requests, served) in _untouched(rows).items():
            key = (matrix_row, journey)
            so_far = pools.get(key, Pool(*key, 0, 0, 0))
            pools[key] = Pool(*key, so_far.runs + 1, so_far.requests + requests, so_far.served + served)
    return list(pools.values())


def _untouched(rows: Sequence[Row]) -> Mapping[str, tuple[int, int]]:
    """Requests and served ones from the fault on, of each pooled journey whose rows are promised to be as healthy."""
    found: dict[str, tuple[int, int]] = {}
    for row in rows:
        journey = journey_of(row.name)
        if journey not in bars.POOLED_SHARES or not row.expect.as_healthy:
            continue
        requests, served = found.get(journey, (0, 0))
        for phase in _POOLED:
            if phase in row.phases:
                seen = row.phases[phase]
                marked = seen.degraded if row.expect is Expect.MARKED else 0
                requests += seen.requests
                served += seen.success + seen.refused + marked
        found[journey] = (requests, served)
    return found
