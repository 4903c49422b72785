"""What a check found."""

from collections.abc import Callable
from dataclasses import dataclass, field

from gameday.checker.history import History


@dataclass(slots=True)
class Result:
    """`claim` is what has to hold. `looked_at` counts what could have contradicted it, `undecided` what was too much to
    search; each of `findings` says in one line which operations contradict it.
    """

    claim: str
    looked_at: int = 0
    undecided: int = 0
    findings: list[str] = field(default_factory=list)

    def expect(self, holds: bool, finding: str) -> None:
        self.looked_at += 1
        if not holds:
            self.findings.append(finding)


Check = Callable[[History], Result]
