"""A request as the verdict sees it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from gameday.workload.records import SERVED, Outcome, Record


class JudgedBy(StrEnum):
    """Which answer counts: the first, as if shoppers repeated nothing, or the one a shopper ends up with.

    The final one is for faults of a gateway: whoever finds one port dead goes to the other, and how that one serves
    is what counts: the time at the dead port is the client's.
    """

    FIRST = "first"
    FINAL = "final"


@dataclass(frozen=True, slots=True)
class Observation:
    """One logical request. began, ended: unix seconds, from its intended start to its judged answer.

    came_back: when a later attempt served whom the judged answer did not; None: none did.
    """

    journey: str
    call: str
    began: float
    ended: float
    outcome: Outcome
    code: str = ""
    served_from: str = ""
    attempts: int = 1
    at_dead_port_ms: float = 0.0
    came_back: float | None = None

    @property
    def ms(self) -> float:
        return 1000 * (self.ended - self.began) - self.at_dead_port_ms

    @property
    def good(self) -> bool:
        """Served as on a healthy day; what the contract refuses is served too."""
        return self.outcome in (Outcome.OK, Outcome.REFUSED)

    @property
    def served(self) -> bool:
        """As well as could be: with less than usual too."""
        return self.good or self.outcome is Outcome.DEGRADED


def see(records: Iterable[Record], judged_by: JudgedBy, apart: str = "") -> Iterator[Observation]:
    """Each record of a shopper with the answer that counts; what prepares them and restocks is nobody's journey.

    What the gateway `apart` (`gateway-1`) answered itself is a call of its own, `at gateway-1`.
    """
    for record in records:
        if record.journey == "admin":
            continue
        first = judged_by is JudgedBy.FIRST
        its_own = apart == f"gateway-{record.gateway + 1}"
        yield Observation(
            journey=record.journey,
            call=call_at(apart) if its_own else record.call,
            began=record.intended,
            ended=record.intended + record.first_ms / 1000 if first else record.ended,
            outcome=record.first_outcome if first else record.outcome,
            code=record.code,
            served_from=record.served_from,
            attempts=record.attempts,
            at_dead_port_ms=0.0 if first or not _found_no_one(record) else record.first_ms,
            came_back=record.ended if first and _came_back(record) else None,
        )


def call_at(gateway: str) -> str:
    """In place of the call's name, for what a gateway that is seen apart answered."""
    return f"at {gateway}"


def _found_no_one(record: Record) -> bool:
    """Whether the first gateway gave no honest answer, and another try was made."""
    return record.attempts > 1 and record.first_outcome is Outcome.FAILED


def _came_back(record: Record) -> bool:
    """Whether somebody was told to come again, did, and was served."""
    return record.first_outcome is Outcome.CONTAINED and record.outcome in (*SERVED, Outcome.REFUSED)
