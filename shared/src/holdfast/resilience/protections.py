"""Which protections of this process are on. Each can be switched off by itself, at the start or while it runs.

Only so can it be measured what each is worth, and what the shop would be without any (`CONTAINMENT=off`, the control
group). What keeps the shop right is no protection and cannot be switched off: idempotency keys, locks, leases, the
ledger's own 400 ms, and that a command whose caller has gone does not act (docs/CORRECTNESS.md).
"""

from collections.abc import Iterable
from typing import Final, Literal, get_args

Protection = Literal[
    "deadline",  # off: no total deadline is sent, obeyed or enforced; what nobody waits for any more runs on
    "breaker",  # off: every call is let through; failures are still counted, and the state shown is what it would be
    "bulkhead",  # off: any number of calls in flight, and queues for connections without bound
    "retry-budget",  # off: `NAIVE_ATTEMPTS` at every hop, also of shed answers, after a short fixed pause
    "probe",  # off: nobody asks replicas and stores how they are, nothing ends calls to a lost replica
    "shedding",  # off: the gateway takes on whatever comes
    "rate-limit",  # off: a caller may call as often as it likes
    "cache",  # off: no answer out of the gateway's memory, which is empty when it is on again
    "fallback",  # off: the write model does not answer in the read model's place
]
ALL: Final[tuple[Protection, ...]] = get_args(Protection)

# What people write instead.
NAIVE_ATTEMPTS: Final = 3
NAIVE_PAUSE_S: Final = 0.025
"""Between two attempts: the shortest that a protected caller draws, always the same."""
NAIVE_TIMEOUT_S: Final = 1.0
"""One attempt's, with every protection off."""
NAIVE_TOTAL_S: Final = 60.0
"""In place of a total deadline: what proxies and drivers have by default, and an end for whatever hangs."""


class UnknownProtection(ValueError):
    """A word that names no protection."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name[:40]!r} is no protection; there are {', '.join(ALL)}")
        self.name = name


def parse_protections(text: str) -> frozenset[Protection]:
    """The protections that a comma-separated list names. Raises UnknownProtection."""
    names = filter(None, map(str.strip, text.split(",")))
    return frozenset(_known(name) for name in names)


def _known(name: str) -> Protection:
    for protection in ALL:
        if protection == name:
            return protection
    raise UnknownProtection(name)


class Protections:
    """Read at each use, so that a switch acts on the next call."""

    __slots__ = ("on",)

    def __init__(self) -> None:
        self.on: frozenset[Protection] = frozenset(ALL)  # (to look into a set costs less than to ask a method)

    @property
    def off(self) -> list[Protection]:
        """Those that are off, in the order of `ALL`; all of them in the control group."""
        return [protection for protection in ALL if protection not in self.on]

    def switch_off(self, off: Iterable[Protection]) -> None:
        """From now on exactly these are off."""
        self.on = frozenset(ALL).difference(off)


PROTECTIONS: Final = Protections()
"""This process's. There is one, and nobody is handed another: a part that was forgotten would stay protected, and the
control group would be wrong without anybody noticing."""
