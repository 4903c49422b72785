"""The matrix of ARCHITECTURE.md as data: what each journey is promised while a part is faulted."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gameday.nemesis.fault import Kind, Refused
from gameday.verdict.expect import Expect
from gameday.verdict.observation import JudgedBy


@dataclass(frozen=True, slots=True)
class MatrixRow:
    """One row. breaker: the dependency of /api/ops/status whose breaker opens. caught_at_most: bulkhead x processes."""

    name: str
    parts: tuple[str, ...]
    expect: Mapping[str, Expect]
    breaker: str = ""
    caught_at_most: int | None = None
    judged_by: JudgedBy = JudgedBy.FIRST


_READ_SIDE: Final = {
    "browse": Expect.STALE,
    "recommendations": Expect.STALE,
    "cart/view": Expect.WRITE_MODEL,
    "orders": Expect.WRITE_MODEL,
    "account/profile": Expect.WRITE_MODEL,
}
_LAGGING: Final = {
    "browse": Expect.MARKED,
    "recommendations": Expect.MARKED,
    "cart/view": Expect.WRITE_MODEL,
    "orders": Expect.WRITE_MODEL,
    "account/profile": Expect.WRITE_MODEL,
}
_WRITE_SIDE: Final = {
    "browse": Expect.MARKED,
    "recommendations": Expect.MARKED,
    "cart": Expect.UNAVAILABLE,
    "cart/view": Expect.MARKED,
    "checkout": Expect.UNAVAILABLE,
    "cancel": Expect.UNAVAILABLE,
    "orders": Expect.MARKED,
    "account/profile": Expect.MARKED,
    "account/register": Expect.UNAVAILABLE,
    "account/sign-in": Expect.UNAVAILABLE,
}

ROWS: Final = (
    MatrixRow("one of two replicas", ("command-1", "command-2", "query-1", "query-2"), {}),
    MatrixRow("one gateway", ("gateway-1", "gateway-2"), {}, judged_by=JudgedBy.FINAL),
    MatrixRow("all query-service", ("query",), _READ_SIDE, breaker="query-service", caught_at_most=64),
    MatrixRow("Elasticsearch", ("elasticsearch",), _READ_SIDE, breaker="elasticsearch", caught_at_most=64),
    MatrixRow("projector, relay or Kafka", ("projector", "relay", "kafka"), _LAGGING),
    MatrixRow("all command-service", ("command",), _WRITE_SIDE, breaker="command-service", caught_at_most=48),
    MatrixRow("PostgreSQL", ("postgres",), _WRITE_SIDE, breaker="postgresql", caught_at_most=48),
    MatrixRow(
        "payment-service", ("payment",), {"checkout": Expect.LATER}, breaker="payment-service", caught_at_most=32
    ),
    MatrixRow("settlement", ("settlement",), {"checkout": Expect.MARKED}),
    MatrixRow("migrations", ("migrations",), {}),
)
"""A bulkhead's calls may all be caught before its breaker is open, in each of two processes: query-service and
Elasticsearch 32, command-service and what it waits for 24, payment-service 16 (resilience.settings, gateway.lanes)."""

JVMS: Final = ("elasticsearch", "kafka")
"""Parts that take seconds of a core to start: recovery counts from their readiness."""

ROW_NAMES: Final = tuple(row.name for row in ROWS)
PARTS: Final = tuple(part for row in ROWS for part in row.parts)
KINDS: Final[Mapping[str, Kind]] = {"killed": Kind.KILL, "paused": Kind.PAUSE, "slow": Kind.SLOW}


def row_of(part: str) -> MatrixRow:
    """Raises Refused for a part that is in no row."""
    for row in ROWS:
        if part in row.parts:
            return row
    raise Refused(f"there is no part {part!r}; there are {', '.join(PARTS)}")
