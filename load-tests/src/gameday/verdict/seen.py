"""A request as the verdict sees it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from gameday.load.records import Outcome, Record


class JudgedBy(StrEnum):
    """Which answer counts: the first, as if shoppers repeated nothing, or the one a shopper ends up with.

    The final one is for faults of a gateway: whoever finds one port dead goes to the other.
    """

    FIRST = "first"
    FINAL = "final"


@dataclass(frozen=True, slots=True)
class Seen:
    """One logical request. began, ended: unix seconds, from its intended start to its judged answer."""

    journey: str
    call: str
    began: float
    ended: float
    outcome: Outcome
    code: str = ""
    served_from: str = ""
    attempts: int = 1

    @property
    def ms(self) -> float:
        return 1000 * (self.ended - self.began)

    @property
    def good(self) -> bool:
        """Served as on a healthy day; what the contract refuses is served too."""
        return self.outcome in (Outcome.OK, Outcome.REFUSED)


def see(records: Iterable[Record], judged_by: JudgedBy) -> Iterator[Seen]:
    """Each record of a shopper with the answer that counts; what prepares them and restocks is nobody's journey."""
    for record in records:
        if record.journey == "admin":
            continue
        first = judged_by is JudgedBy.FIRST
        yield Seen(
            journey=record.journey,
            call=record.call,
            began=record.intended,
            ended=record.intended + record.first_ms / 1000 if first else record.ended,
            outcome=record.first_outcome if first else record.outcome,
            code=record.code,
            served_from=record.served_from,
            attempts=record.attempts,
        )
