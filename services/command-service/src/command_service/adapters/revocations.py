"""The table `revocations`: sessions that ended before their tokens expire (ADR 24)."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import asyncpg

from holdfast.eventstore import Transaction
from holdfast.eventstore.migrations import LOCK_SPACE
from holdfast.service.revocations import Revocation
from holdfast.service.tokens import LIFETIMES, Caller, Role

PAGE: Final = 1_000
_LOCK: Final = 3  # in the two-int space, beside migrations and the relay's leadership
_SKEW: Final = timedelta(minutes=5)  # a token may have been made by a clock that is ahead

_INSERT: Final = """
INSERT INTO revocations (subject, expires_at, token_id, role, issued_before, spared) VALUES ($1, $2, $3, $4, $5, $6)
"""
_SINCE: Final = """
SELECT number, subject, expires_at, token_id, role, issued_before, spared FROM revocations
 WHERE number > $1 AND expires_at > now() ORDER BY number LIMIT $2
"""


async def end_session(tx: Transaction, caller: Caller) -> None:
    """End the one session whose token this is. Write it last: it holds a lock until the transaction ends."""
    await _insert(tx, caller.subject, datetime.fromtimestamp(caller.expires_at, UTC), token_id=caller.token_id)


async def end_role(tx: Transaction, subject: str, role: Role, now: datetime) -> None:
    """End all of a subject's sessions in one role. Write it last."""
    await _insert(tx, subject, now + LIFETIMES[role] + _SKEW, role=role)


async def end_older(tx: Transaction, subject: str, now: datetime, spared: str | None = None) -> None:
    """End all of a subject's sessions that were issued before `now`, but the one with the token id `spared`. Write it
    last."""
    longest = max(LIFETIMES["customer"], LIFETIMES["admin"])
    await _insert(tx, subject, now + longest + _SKEW, issued_before=now, spared=spared)


async def since(tx: Transaction, after: int) -> Sequence[Revocation]:
    """At most PAGE of them with a higher number, by number."""
    return [_loaded(row) for row in await tx.fetch(_SINCE, after, PAGE)]


async def _insert(
    tx: Transaction,
    subject: str,
    expires_at: datetime,
    *,
    token_id: str | None = None,
    role: Role | None = None,
    issued_before: datetime | None = None,
    spared: str | None = None,
) -> None:
    await tx.execute(f"SELECT pg_advisory_xact_lock({LOCK_SPACE}, {_LOCK})")
    await tx.execute(_INSERT, subject, expires_at, token_id, role, issued_before, spared)


def _loaded(row: asyncpg.Record) -> Revocation:
    issued_before: datetime | None = row["issued_before"]
    return Revocation(
        number=row["number"],
        subject=row["subject"],
        expires_at=row["expires_at"].timestamp(),
        token_id=row["token_id"],
        role=row["role"],
        issued_before=None if issued_before is None else issued_before.timestamp(),
        spared=row["spared"],
    )
