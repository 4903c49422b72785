"""The `idempotency` table: keys of commands that touch several streams (CORRECTNESS 1 to 4).

A claim is written in the command's own transaction, its answer when the outcome is known. Whoever works under a key
holds `try_key_lock` first, because an INSERT that conflicts with an open claim would wait for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from holdfast.eventstore.database import Transaction
from holdfast.eventstore.rows import dump_json

_COLUMNS = "key_hash, fingerprint, resource_id, answer, lease_until, created_at"


@dataclass(frozen=True, slots=True)
class Claim:
    """A key in use: the command makes `resource_id` (an order or customer id). Without an `answer` somebody works on
    it until `lease_until`; after that anyone may take it over."""

    key_hash: str
    fingerprint: str
    resource_id: str
    answer: Any | None
    lease_until: datetime
    created_at: datetime


async def try_key_lock(tx: Transaction, key_hash: str) -> bool:
    """Hold the key until the transaction ends; False at once if another transaction holds it. Never waits."""
    held = await tx.fetchval("SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0))", key_hash)
    return bool(held)


async def find_claim(tx: Transaction, key_hash: str) -> Claim | None:
    """The claim on a key, if there is one."""
    row = await tx.fetchrow(f"SELECT {_COLUMNS} FROM idempotency WHERE key_hash = $1", key_hash)
    if row is None:
        return None
    answer = None if row["answer"] is None else orjson.loads(row["answer"])
    return Claim(row["key_hash"], row["fingerprint"], row["resource_id"], answer, row["lease_until"], row["created_at"])


async def insert_claim(tx: Transaction, claim: Claim) -> None:
    """Write a new claim; its key must be locked and unclaimed (asyncpg.UniqueViolationError)."""
    await tx.execute(
        f"INSERT INTO idempotency ({_COLUMNS}) VALUES ($1, $2, $3, $4::text::jsonb, $5, $6)",
        claim.key_hash,
        claim.fingerprint,
        claim.resource_id,
        None if claim.answer is None else dump_json(claim.answer),
        claim.lease_until,
        claim.created_at,
    )


async def answer_claim(tx: Transaction, resource_id: str, answer: Any) -> bool:
    """Store the answer (JSON) of the claim on `resource_id` if it has none yet. True if this call stored it."""
    tag = await tx.execute(
        "UPDATE idempotency SET answer = $2::text::jsonb WHERE resource_id = $1 AND answer IS NULL",
        resource_id,
        dump_json(answer),
    )
    return tag != "UPDATE 0"


async def take_over_claim(tx: Transaction, key_hash: str, *, now: datetime, lease_until: datetime) -> bool:
    """Work on a claim whose lease ran out before `now`. False if it is answered, leased or gone."""
    tag = await tx.execute(
        "UPDATE idempotency SET lease_until = $3 WHERE key_hash = $1 AND answer IS NULL AND lease_until < $2",
        key_hash,
        now,
        lease_until,
    )
    return tag != "UPDATE 0"


async def purge_claims(tx: Transaction, *, before: datetime, limit: int = 1000) -> int:
    """Delete up to `limit` claims made before a time, skipping those in use. Returns how many; repeat until 0."""
    tag = await tx.execute(
        """DELETE FROM idempotency WHERE key_hash IN (
               SELECT key_hash FROM idempotency WHERE created_at < $1
                ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED)""",
        before,
        limit,
    )
    return int(tag.split()[1])
