"""What the audit checked and what it found wrong."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(slots=True)
class Check:
    """One claim: how many things were looked at, and each that does not bear it out."""

    claim: str
    looked_at: int = 0
    differences: list[str] = field(default_factory=list)

    def expect(self, holds: bool, otherwise: str) -> None:
        """Look at one thing; `otherwise` says what is wrong with it."""
        self.looked_at += 1
        if not holds:
            self.differences.append(otherwise)


@dataclass(slots=True)
class Findings:
    """All checks, in the order they were made."""

    checks: list[Check] = field(default_factory=list)

    @contextmanager
    def check(self, claim: str) -> Iterator[Check]:
        check = Check(claim)
        self.checks.append(check)
        yield check

    @property
    def differences(self) -> int:
        return sum(len(check.differences) for check in self.checks)
