"""The `idempotency` table: which command each key belongs to (CORRECTNESS 1 to 4).

A command holds the lock of its key: `Database.transaction(…, key=…)` waits for it, `try_key_lock` does not. The key is
then looked up by a later statement, since a statement that began before the lock was held may have a snapshot
without the row of the command that held it before. The row is written by the `append` of its command.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import asyncpg
import orjson

from holdfast.eventstore.database import Transaction
from holdfast.eventstore.errors import KeyReused
from holdfast.eventstore.kinds import CommandKey
from holdfast.eventstore.rows import dump_json

KEPT_FOR: Final = timedelta(hours=24)
# The partitions are a ring. While one is written, those of the last 24 h are it and the two before it, so the one after
# it holds nothing that counts.
SLOTS: Final = 4
SLOT: Final = timedelta(hours=12)
# A replica whose clock is ahead writes into the next slot already, so that is left alone this long before its time.
_CLOCKS_AGREE_WITHIN: Final = timedelta(hours=1)

_YOUNG = f"created_at > now() - interval '{KEPT_FOR // timedelta(hours=1)} hours'"
CLAIM_COLUMNS = "key_hash, fingerprint, resource_id, answer, lease_until, claimed_at"
FIND = f"""
SELECT key_hash, fingerprint, resource_id, answer, lease_until, created_at AS claimed_at FROM idempotency
 WHERE key_hash = $1::uuid AND {_YOUNG} ORDER BY created_at DESC LIMIT 1
"""


def scoped_key(caller: str, operation: str, key: str) -> str:
    """The hash of a client's key, scoped by who calls and, if not every command shares it, by the operation: 32 hex
    digits.
    """
    return _digest([caller, operation, key])


def fingerprint(request: Any) -> str:
    """The hash of what was asked for (anything JSON can hold), whatever the order of its fields: 32 hex digits."""
    return _digest(request)


def _digest(content: Any) -> str:
    return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Claim:
    """A key and the command that it belongs to, which changed or made `resource_id` (a stream, an order, a customer).

    `answer` is JSON. It is None while a checkout is under way, which no other call takes over before `lease_until`.
    """

    key: CommandKey
    resource_id: str
    created_at: datetime
    answer: Any | None = None
    lease_until: datetime | None = None


async def try_key_lock(tx: Transaction, key: CommandKey) -> bool:
    """Hold the key until the transaction ends; False at once if another transaction holds it. Never waits."""
    return bool(await tx.fetchval("SELECT pg_try_advisory_xact_lock($1)", key.lock))


async def find_claim(tx: Transaction, key: CommandKey) -> Claim | None:
    """The claim on a key that the transaction has locked. Raises KeyReused if the key belongs to another command."""
    return claim_of(await tx.fetchrow(FIND, key.hash), key)


def claim_of(row: asyncpg.Record | None, key: CommandKey) -> Claim | None:
    """A row of CLAIM_COLUMNS, all of them NULL if the key is free. Raises KeyReused."""
    if row is None or row["key_hash"] is None:
        return None
    if row["fingerprint"].hex != key.fingerprint:
        raise KeyReused(row["resource_id"])
    answer = None if row["answer"] is None else orjson.loads(row["answer"])
    return Claim(key, row["resource_id"], row["claimed_at"], answer, row["lease_until"])


def slot_of(created_at: datetime) -> int:
    """The partition of a key that was claimed then."""
    return int(created_at.timestamp() // SLOT.total_seconds()) % SLOTS


async def answer_claim(tx: Transaction, resource_id: str, answer: Any) -> bool:
    """Store the answer (JSON) of the checkout of `resource_id` if it has none yet. True if this call stored it."""
    tag = await tx.execute(
        "UPDATE idempotency SET answer = $2::text::jsonb "
        "WHERE resource_id = $1 AND lease_until IS NOT NULL AND answer IS NULL",
        resource_id,
        dump_json(answer),
    )
    return tag != "UPDATE 0"


async def take_over_claim(tx: Transaction, key: CommandKey, *, now: datetime, lease_until: datetime) -> bool:
    """Work on a claim whose lease ran out before `now`. False if it is answered, leased or gone."""
    tag = await tx.execute(
        "UPDATE idempotency SET lease_until = $3 "
        f"WHERE key_hash = $1::uuid AND {_YOUNG} AND answer IS NULL AND lease_until < $2",
        key.hash,
        now,
        lease_until,
    )
    return tag != "UPDATE 0"


async def clear_spare_slot(tx: Transaction, now: datetime) -> int | None:
    """Truncate the partition that is written next: every key in it is older than 24 h.

    Returns its number, None if it is empty or its time is near. Raises LockTimeout.
    """
    spare = slot_of(now + SLOT)
    if slot_of(now + _CLOCKS_AGREE_WITHIN) == spare:
        return None
    if await tx.fetchval(f"SELECT true FROM idempotency_{spare} LIMIT 1") is None:
        return None
    await tx.execute(f"TRUNCATE idempotency_{spare}")
    return spare
