"""All runs of one row of the matrix together: requests show a higher share, and runs show how often one passes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from gameday.verdict.bars import Bars
from gameday.verdict.binomial import Decision, at_least, decide
from gameday.verdict.expect import Expect
from gameday.verdict.figures import Figures
from gameday.verdict.phases import Phase
from gameday.verdict.rows import journey_of
from gameday.verdict.verdict import Result, Row


@dataclass(frozen=True, slots=True)
class Pool:
    """One journey that does not need the part, over the runs of one row of the matrix."""

    matrix_row: str
    journey: str
    runs: int
    requests: int
    served: int
    bar: float

    @property
    def share(self) -> float:
        return self.served / self.requests if self.requests else 0.0

    @property
    def decision(self) -> Decision:
        return decide(self.served, self.requests, self.bar)


@dataclass(frozen=True, slots=True)
class Cell:
    """How many runs of one row of the matrix passed. Runs decide a cell as requests decide a run."""

    matrix_row: str
    runs: int
    passed: int

    @property
    def at_least(self) -> float:
        """The share of runs that pass is this or more, with CONFIDENCE."""
        return at_least(self.passed, self.runs)


def cells(runs: Iterable[tuple[str, Result]]) -> Sequence[Cell]:
    """One for each row of the matrix, in the order of its first run."""
    found: dict[str, Cell] = {}
    for matrix_row, result in runs:
        before = found.get(matrix_row, Cell(matrix_row, 0, 0))
        found[matrix_row] = Cell(matrix_row, before.runs + 1, before.passed + (result is Result.PASS))
    return list(found.values())


def pooled(runs: Iterable[tuple[str, Sequence[Row]]], bars: Bars) -> Sequence[Pool]:
    """Each run as the matrix row it belongs to and its rows; one Pool a matrix row and journey, in their order."""
    pools: dict[tuple[str, str], Pool] = {}
    for matrix_row, rows in runs:
        for journey, (requests, served) in _untouched(rows, bars).items():
            key, bar = (matrix_row, journey), bars.pooled[journey]
            so_far = pools.get(key, Pool(*key, 0, 0, 0, bar))
            pools[key] = Pool(*key, so_far.runs + 1, so_far.requests + requests, so_far.served + served, bar)
    return list(pools.values())


def _untouched(rows: Sequence[Row], bars: Bars) -> Mapping[str, tuple[int, int]]:
    """Requests and served ones of the fault phase, of each pooled journey whose rows are promised to be as healthy."""
    found: dict[str, tuple[int, int]] = {}
    for row in rows:
        journey = journey_of(row.name)
        if journey not in bars.pooled or not row.expect.as_healthy:
            continue
        requests, served = found.get(journey, (0, 0))
        seen = row.phases.get(Phase.FAULT, Figures())
        marked = seen.degraded if row.expect is Expect.MARKED else 0
        requests += seen.requests
        served += seen.success + seen.refused + marked
        found[journey] = (requests, served)
    return found
