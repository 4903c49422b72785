"""The table `payment_work`: charges and voids that the ledger still has to be asked for (CORRECTNESS 9)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from command_service.domain.values import OrderId
from holdfast.eventstore import Metadata, Transaction

WorkKind = Literal["charge", "void"]

# Seconds that a claimed row is left alone: longer than one attempt may take (ATTEMPT_S), so that nobody else begins one
# meanwhile, plus a pause that grows from 0.1 to 2 s, drawn evenly so that rows that failed together part.
ATTEMPT_S = 0.9
_LEASE_S = 1.0
_PAUSE_S = (0.1, 2.0)

_CLAIM = f"""
UPDATE payment_work AS work
   SET attempts = work.attempts + 1,
       next_attempt_at = clock_timestamp() + make_interval(secs =>
           {_LEASE_S} + random() * least({_PAUSE_S[1]}, {_PAUSE_S[0]} * power(2, least(work.attempts, 10))))
  FROM (SELECT order_id FROM payment_work WHERE next_attempt_at <= clock_timestamp()
         ORDER BY next_attempt_at LIMIT $1 FOR UPDATE SKIP LOCKED) AS due
 WHERE work.order_id = due.order_id
RETURNING work.order_id, work.kind, work.payment_token, work.attempts, work.correlation_id, work.traceparent,
          work.created_at
"""


@dataclass(frozen=True, slots=True)
class Work:
    """One row that was claimed; `attempts` counts this claim. `payment_token` is None for a void."""

    order_id: OrderId
    kind: WorkKind
    payment_token: str | None
    attempts: int
    correlation_id: str | None
    traceparent: str | None
    created_at: datetime


async def owe_charge(
    tx: Transaction, order_id: OrderId, payment_token: str, due_at: datetime, metadata: Metadata
) -> None:
    """Write down that the new order's charge is owed; settlement takes it up at `due_at`."""
    await tx.execute(
        """INSERT INTO payment_work (order_id, kind, payment_token, next_attempt_at, correlation_id, traceparent)
           VALUES ($1, 'charge', $2, $3, $4, $5)""",
        order_id,
        payment_token,
        due_at,
        metadata.correlation_id,
        metadata.traceparent,
    )


async def owe_void(tx: Transaction, order_id: OrderId, due_at: datetime, metadata: Metadata) -> None:
    """Write down that the order's charge, if any, is to be taken back; a charge still owed is owed no more."""
    await tx.execute(
        """INSERT INTO payment_work (order_id, kind, next_attempt_at, correlation_id, traceparent)
           VALUES ($1, 'void', $2, $3, $4)
           ON CONFLICT (order_id) DO UPDATE
              SET kind = 'void', payment_token = NULL, next_attempt_at = excluded.next_attempt_at, attempts = 0,
                  correlation_id = excluded.correlation_id, traceparent = excluded.traceparent""",
        order_id,
        due_at,
        metadata.correlation_id,
        metadata.traceparent,
    )


async def done(tx: Transaction, order_id: OrderId, kind: WorkKind) -> None:
    """The ledger's final answer to this kind of work is stored. A void that has replaced a charge stays owed."""
    await tx.execute("DELETE FROM payment_work WHERE order_id = $1 AND kind = $2", order_id, kind)


async def claim_due(tx: Transaction, limit: int) -> Sequence[Work]:
    """Take at most `limit` due rows, the longest due first, by pushing their next attempt (CORRECTNESS 9).

    Never waits for rows that another settlement is claiming; what is not `done` comes due again by itself.
    """
    rows = await tx.fetch(_CLAIM, limit)
    return [
        Work(
            OrderId(row["order_id"]),
            row["kind"],
            row["payment_token"],
            row["attempts"],
            row["correlation_id"],
            row["traceparent"],
            row["created_at"],
        )
        for row in rows
    ]


async def backlog(tx: Transaction) -> tuple[int, float]:
    """How many rows are owed, and the age of the oldest in seconds (0.0 when there is none)."""
    row = await tx.fetchrow(
        """SELECT count(*) AS owed,
                  coalesce(extract(epoch FROM clock_timestamp() - min(created_at)), 0)::float8 AS oldest_s
             FROM payment_work"""
    )
    assert row is not None
    return row["owed"], row["oldest_s"]
