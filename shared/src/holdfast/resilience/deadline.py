"""The time a request still has, carried from hop to hop as what is left (never as a clock time: clocks differ).

After gRPC's deadlines and Finagle's DeadlineFilter: each hop takes the smaller of its own limit and what the caller
has left, keeps a share of it for itself, and refuses work that has none left.
"""

from dataclasses import dataclass, field
from typing import Self

from holdfast.resilience.clock import SYSTEM_CLOCK, Clock
from holdfast.resilience.errors import DeadlineExceeded
from holdfast.resilience.limit import Limit

HEADER = "X-Request-Timeout-Ms"
HOP_SHARE_MS = 10  # what a hop keeps to receive and pass on the answer (INTERNALS, headers forwarded)
MAX_HEADER_MS = 60_000


class InvalidTimeout(ValueError):
    """X-Request-Timeout-Ms is not a whole number from 1 to 60000."""

    def __init__(self, value: str) -> None:
        super().__init__(
            f"{HEADER} must be a whole number of milliseconds from 1 to {MAX_HEADER_MS}, not {value[:40]!r}"
        )
        self.value = value


def parse_timeout_ms(value: str) -> int:
    """The header's milliseconds, 1 to 60000; raises InvalidTimeout."""
    text = value.strip(" \t")
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and 1 <= int(text) <= MAX_HEADER_MS):
        raise InvalidTimeout(value)
    return int(text)


def header_value(left_s: float, dependency: str | None = None) -> str:
    """X-Request-Timeout-Ms for the next hop: what is left, less this hop's share of 10 ms.

    Raises DeadlineExceeded(dependency) when that leaves nothing.
    """
    left_ms = int(left_s * 1000) - HOP_SHARE_MS
    if left_ms < 1:
        raise DeadlineExceeded(dependency)
    return str(left_ms if left_ms < MAX_HEADER_MS else MAX_HEADER_MS)


@dataclass(slots=True)
class Deadline:
    """A point on `clock` by which the answer must be there. Never changed: pass it down, or a shorter one."""

    at_s: float
    clock: Clock = field(default=SYSTEM_CLOCK, repr=False, compare=False)

    @classmethod
    def after(cls, seconds: float, *, clock: Clock = SYSTEM_CLOCK) -> Self:
        """The deadline `seconds` from now."""
        return cls(clock.now() + seconds, clock)

    @classmethod
    def from_header(cls, value: str | None, *, at_most_s: float, clock: Clock = SYSTEM_CLOCK) -> Self:
        """The smaller of this hop's own limit and the caller's header (None: not sent). Raises InvalidTimeout."""
        seconds = at_most_s if value is None else min(at_most_s, parse_timeout_ms(value) / 1000)
        return cls.after(seconds, clock=clock)

    def remaining_s(self) -> float:
        """Seconds left, 0.0 once it has passed."""
        left_s = self.at_s - self.clock.now()
        return left_s if left_s > 0 else 0.0

    def remaining_ms(self) -> int:
        """Whole milliseconds left, rounded down."""
        return int(self.remaining_s() * 1000)

    def overdue_s(self) -> float:
        """Seconds since it passed, 0.0 before."""
        return max(0.0, self.clock.now() - self.at_s)

    @property
    def expired(self) -> bool:
        return self.clock.now() >= self.at_s

    def shortened_by(self, ms: float) -> Self:
        """The same deadline `ms` milliseconds earlier (a share kept for work of our own)."""
        return type(self)(self.at_s - ms / 1000, self.clock)

    def at_most(self, seconds: float) -> Self:
        """This deadline or `seconds` from now, whichever comes first: an attempt's own limit."""
        return type(self)(min(self.at_s, self.clock.now() + seconds), self.clock)

    def require(self, dependency: str | None = None, *, ms: float = 1) -> None:
        """Raise DeadlineExceeded unless at least `ms` milliseconds are left: asked before work is begun."""
        if (self.at_s - self.clock.now()) * 1000 < ms:
            raise DeadlineExceeded(dependency)

    def limit(self, dependency: str | None = None) -> Limit:
        """`with deadline.limit(dependency):` ends the block at the deadline, as DeadlineExceeded."""
        return Limit(self.remaining_s(), dependency)
