"""The verdict on one run, and its exit code."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from gameday.hostile.summary import Summary
from gameday.verdict.contained import Containment
from gameday.verdict.expect import Expect
from gameday.verdict.figures import Figures
from gameday.verdict.objective import Away
from gameday.verdict.phases import Phase

_MIB: Final = 1 << 20


class Result(StrEnum):
    PASS = "PASS"
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"

    @property
    def exit_code(self) -> int:
        return _EXIT_CODES[self]


_EXIT_CODES: Final = {Result.PASS: 0, Result.FAIL: 1, Result.INCONCLUSIVE: 2}


class Weight(StrEnum):
    """What one finding does to the result, the strongest first.

    AUDIT: correctness is lost, whatever else happened. VOID: the run says nothing, neither good nor bad. BAR: a bar was
    missed. FEW: a bar could not be judged.
    """

    AUDIT = "audit"
    VOID = "void"
    BAR = "bar"
    FEW = "few"


_RESULTS: Final = {
    Weight.AUDIT: Result.FAIL,
    Weight.VOID: Result.INCONCLUSIVE,
    Weight.BAR: Result.FAIL,
    Weight.FEW: Result.INCONCLUSIVE,
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One bar that was missed, as one sentence."""

    weight: Weight
    text: str


def result_of(findings: Sequence[Finding]) -> Result:
    """The strongest finding decides; none is a pass."""
    weights = {finding.weight for finding in findings}
    return next((result for weight, result in _RESULTS.items() if weight in weights), Result.PASS)


@dataclass(frozen=True, slots=True)
class Row:
    """One journey, or one call of it, in all phases.

    slow: how many took longer than p99_bar_ms, the bar for those who need not notice, never under p99_floor_ms.
    containment: only of what needs the part. healthy_s: from the fault's end, or a JVM's readiness; None: never seen.
    """

    name: str
    expect: Expect
    phases: Mapping[Phase, Figures]
    p99_bar_ms: float
    p99_floor_ms: float
    slow: Mapping[Phase, int]
    containment: Containment | None = None
    healthy_s: int | None = None
    away: Sequence[Away] = ()


@dataclass(frozen=True, slots=True)
class AuditLine:
    """One claim of the audit."""

    claim: str
    looked_at: int
    differences: int


@dataclass(frozen=True, slots=True)
class LoadFacts:
    """What the generator says of itself: requests planned and sent so far, p99 of its own delay; `ended` well."""

    planned: int
    sent: int
    lag_p99_ms: float
    ended: bool = True


@dataclass(frozen=True, slots=True)
class Overload:
    """Requests served a second while there were too many, those of them at once, the bar, and each journey's share that
    was served at once."""

    goodput_per_s: float
    at_once_per_s: float
    bar_per_s: float
    shares: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class MemoryPeak:
    """The most that one part held from the attack on, and its limit; bytes."""

    part: str
    peak_bytes: int
    limit_bytes: int

    def __str__(self) -> str:
        return f"{self.part} {self.peak_bytes / _MIB:.0f} of {self.limit_bytes / _MIB:.0f} MiB"


@dataclass(frozen=True, slots=True)
class Hostile:
    """What one attack did. attack: None when it did not come to its end. breakers: those that were not closed in one of
    so many `samples`. memory: the fullest part first.
    """

    attack: Summary | None
    samples: int
    breakers: Sequence[str]
    memory: Sequence[MemoryPeak]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one run showed. opened_s: between which seconds after the fault the breaker opened."""

    result: Result
    findings: Sequence[Finding]
    rows: Sequence[Row]
    opened_s: tuple[float, float] | None = None
    audit: Sequence[AuditLine] = ()
    load: LoadFacts | None = None
    overload: Overload | None = None
    hostile: Hostile | None = None
