"""What can be done to a part of the shop, for how long, and what is refused."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

LONGEST_S: Final = 3600.0
"""Every fault ends by itself, after an hour at the latest: whoever set it may be gone by then."""

_LONGEST_LATENCY_MS: Final = 60_000


class Kind(StrEnum):
    """The kinds of fault. The last three are knobs of payment-service."""

    KILL = "kill"
    PAUSE = "pause"
    SLOW = "slow"
    PARTITION = "partition"
    LATENCY = "latency"
    ERRORS = "errors"
    HANG = "hang"


KNOBS: Final = (Kind.LATENCY, Kind.ERRORS, Kind.HANG)


class Refused(Exception):
    """Nothing was done; the message says in one line what is wrong with what was asked."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault on one part, or on all replicas of a group (`command`, `query`, `gateway`), for `for_s` seconds.

    `stopped_share` (0 to 1) counts for SLOW only: the share of the time in which the part stands still. `latency_ms`
    counts for LATENCY only, `percent` (of the calls, 0 to 100) for the three knobs. Raises Refused for a number out
    of its range.
    """

    part: str
    kind: Kind
    for_s: float
    stopped_share: float = 0.8
    latency_ms: int = 0
    percent: float = 100.0

    def __post_init__(self) -> None:
        if not 0 < self.for_s <= LONGEST_S:
            raise Refused(f"a fault lasts more than 0 and at most {LONGEST_S:g} s, not {self.for_s:g}")
        if self.kind is Kind.SLOW and not 0 < self.stopped_share < 1:
            raise Refused(
                f"a slow part stands still for more than 0 and less than all of the time, not {self.stopped_share:g}"
            )
        if self.kind is Kind.LATENCY and not 1 <= self.latency_ms <= _LONGEST_LATENCY_MS:
            raise Refused(f"a latency is 1 to {_LONGEST_LATENCY_MS} ms, not {self.latency_ms}")
        if self.kind in KNOBS and not 0 < self.percent <= 100:
            raise Refused(f"a fault hits more than 0 and at most 100 percent of the calls, not {self.percent:g}")


@dataclass(frozen=True, slots=True)
class Suffering:
    """What a part suffers now; `left_s` until it ends by itself, None when nobody said when."""

    part: str
    what: str
    left_s: float | None


class Faults(Protocol):
    """Faults on one running shop. A part suffers one of kill, pause, slow and partition at a time: a new one takes the
    place of the last. The knobs of payment-service go beside them and beside each other.
    """

    def parts(self) -> Sequence[str]:
        """The names of all parts. Raises Refused when no shop runs."""
        ...

    def check(self, fault: Fault) -> None:
        """Does nothing. Raises Refused for an unknown part, one that does not run, a kind that is impossible here."""
        ...

    def inject(self, fault: Fault) -> None:
        """Returns once the fault is in effect, on every replica of a group or on none. Raises Refused."""
        ...

    def lift(self, part: str) -> None:
        """Ends whatever the part or group suffers, knobs too; what is down is started. Idempotent. Raises Refused."""
        ...

    def serves(self, part: str) -> bool:
        """Whether the part, or every replica of the group, suffers nothing and says that it is ready."""
        ...

    def calm(self) -> Sequence[str]:
        """Lifts everything and starts what is down; the names of the parts that needed it. Raises Refused."""
        ...

    def suffering(self) -> Sequence[Suffering]:
        """What every part suffers that does not run as it should. Raises Refused."""
        ...


def members(part: str, parts: Sequence[str]) -> list[str]:
    """The part itself, or the replicas `part`-1, `part`-2 … of a group. Raises Refused when there is neither."""
    if part in parts:
        return [part]
    replica = re.compile(re.escape(part) + r"-\d+")
    found = [name for name in parts if replica.fullmatch(name)]
    if not found:
        groups = {name.rpartition("-")[0]: None for name in parts if re.fullmatch(r".+-\d+", name)}
        raise Refused(f"there is no part {part!r}; there are {', '.join([*parts, *groups])}")
    return found


@contextmanager
def all_or_none(lift: Callable[[str], None]) -> Iterator[list[str]]:
    """Gives a list for the names that were faulted; when one more is refused, those are lifted again."""
    done: list[str] = []
    try:
        yield done
    except Refused:
        for name in done:
            lift(name)
        raise
