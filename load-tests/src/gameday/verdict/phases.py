"""When each phase of a run was: phases.json of its folder."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Self


class Phase(StrEnum):
    """Warm-up is dropped; the fault is in effect in FAULT; RECOVERY is what the shop is allowed to heal in."""

    WARM_UP = "warm-up"
    HEALTHY = "healthy"
    FAULT = "fault"
    RECOVERY = "recovery"
    AFTER = "after"


@dataclass(frozen=True, slots=True)
class Span:
    """One phase in unix seconds, `ended` excluded."""

    phase: Phase
    began: float
    ended: float


@dataclass(frozen=True, slots=True)
class Timeline:
    """The phases of one run in their order.

    lifted_at: the fault was lifted and what was killed was started again. served_at: a restarted JVM served again;
    None when no JVM was restarted. aborted: why the run was stopped before its end, "" when it was not.
    """

    spans: Sequence[Span] = ()
    lifted_at: float | None = None
    served_at: float | None = None
    aborted: str = ""

    def span(self, phase: Phase) -> Span | None:
        return next((span for span in self.spans if span.phase is phase), None)

    def phase_of(self, began: float, ended: float) -> Phase | None:
        """Where a request belongs: to the phase it began in, or to the fault if that struck while it was under way."""
        fault = self.span(Phase.FAULT)
        if fault is not None and began < fault.began < ended:
            return Phase.FAULT
        return next((span.phase for span in self.spans if span.began <= began < span.ended), None)

    @property
    def heals_from(self) -> float | None:
        """The moment from which recovery is counted: readiness of a restarted JVM, else the end of the fault."""
        return self.lifted_at if self.served_at is None else self.served_at

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self), indent=2) + "\n")

    @classmethod
    def read(cls, path: Path) -> Self:
        """Raises FileNotFoundError."""
        told = json.loads(path.read_text())
        spans = tuple(Span(Phase(span["phase"]), span["began"], span["ended"]) for span in told.pop("spans"))
        return cls(spans=spans, **told)
