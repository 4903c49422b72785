"""What the matrix of ARCHITECTURE.md promises each journey while a part is faulted."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from gameday.verdict.bars import P99_NEVER_STRICTER_MS
from gameday.workload.records import Outcome


class Expect(StrEnum):
    """The best honest answer that can be asked for; a better one is always right too."""

    AS_HEALTHY = "as-healthy"
    MARKED = "marked"  # as healthy, but may say with Degraded that it is less than usual
    WRITE_MODEL = "write-model"  # read from the write model
    LATER = "later"  # 202, settled later
    STALE = "stale"  # the last good answer, marked; 503 when there is none
    UNAVAILABLE = "503"  # 503 with Retry-After
    BEST_EFFORT = "best-effort"  # too much load, or one fault after the other: what can be, else 503

    @property
    def as_healthy(self) -> bool:
        """Whether nobody should notice."""
        return self in (Expect.AS_HEALTHY, Expect.MARKED)

    @property
    def needs_the_part(self) -> bool:
        """Whether the answer is the one for a part that is away, to be given at once."""
        return not self.as_healthy and self is not Expect.BEST_EFFORT

    @property
    def allows(self) -> frozenset[Outcome]:
        return _ALLOWED[self]


_SERVED: Final = frozenset({Outcome.OK, Outcome.REFUSED})
_MARKED: Final = _SERVED | {Outcome.DEGRADED}
_ALLOWED: Final[Mapping[Expect, frozenset[Outcome]]] = {
    Expect.AS_HEALTHY: _SERVED,
    Expect.MARKED: _MARKED,
    Expect.WRITE_MODEL: _MARKED,
    Expect.LATER: _MARKED,
    Expect.STALE: _MARKED | {Outcome.CONTAINED},
    Expect.UNAVAILABLE: _MARKED | {Outcome.CONTAINED},
    Expect.BEST_EFFORT: _MARKED | {Outcome.CONTAINED},
}


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """What one run is expected to show.

    expect: a journey (`cart`) or one of its calls (`cart/view`) to what it is promised; what is not named stays as
    healthy. breaker: the dependency whose breaker has to open, "" for none. caught_at_most: the calls that may be
    caught before it is open, bulkhead x processes. goodput_per_s: what has to be served under too much load.
    p99_floor_ms: p99 of those who do not need the part is never judged stricter.
    """

    expect: Mapping[str, Expect]
    breaker: str = ""
    caught_at_most: int | None = None
    goodput_per_s: float | None = None
    p99_floor_ms: float = P99_NEVER_STRICTER_MS

    def row_of(self, journey: str, call: str) -> str:
        """The row that a request is judged in: its call if that is named, else its journey."""
        named = f"{journey}/{call}"
        return named if named in self.expect else journey

    def of(self, row: str) -> Expect:
        return self.expect.get(row, Expect.AS_HEALTHY)
