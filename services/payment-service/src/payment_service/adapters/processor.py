"""A simulated card processor with a journal of its own.

It stands for a company outside: it knows nothing of the ledger, and its journal is what really moved. The
journal is append-only (the database refuses anything else) and deduplicated by the key that the caller gives,
as real processors do; so a caller that used two keys for one order would be seen here with two captures
(CORRECTNESS 8).
"""

import asyncio
import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from payment_service.adapters.sqlite_thread import SqliteThread
from payment_service.domain.charge import Verdict

Kind = Literal["capture", "refund"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS journal (
    seq integer PRIMARY KEY AUTOINCREMENT,
    key text NOT NULL UNIQUE,
    order_id text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('capture', 'refund')),
    amount integer NOT NULL CHECK (amount >= 0),
    at text NOT NULL
);
CREATE TRIGGER IF NOT EXISTS journal_no_update BEFORE UPDATE ON journal
    BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER IF NOT EXISTS journal_no_delete BEFORE DELETE ON journal
    BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """One movement of money. `seq` rises by one a movement; `at` is aware UTC."""

    seq: int
    order_id: str
    kind: Kind
    amount: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Cards:
    """How the trial cards behave: seconds that the processor thinks about an ordinary and a slow one."""

    usual_s: float
    slow_s: float

    def seconds(self, payment_token: str) -> float:
        """How long a capture with this token takes."""
        return self.slow_s if payment_token == "tok_slow" else self.usual_s

    @staticmethod
    def verdict(payment_token: str) -> Verdict:
        """tok_visa and tok_slow pay; every other token, known or not, is declined."""
        return Verdict.CAPTURED if payment_token in {"tok_visa", "tok_slow"} else Verdict.DECLINED


class Processor:
    """Captures and refunds; both are idempotent by key."""

    def __init__(self, journal: SqliteThread, cards: Cards) -> None:
        self._journal = journal
        self._cards = cards

    @classmethod
    async def open(cls, path: Path, cards: Cards) -> "Processor":
        """Opens or creates the journal. Raises sqlite3.Error when the file is unusable."""
        return cls(await SqliteThread.open(path, _SCHEMA), cards)

    async def capture(self, key: str, order_id: str, amount: int, payment_token: str) -> Verdict:
        """Takes the money, once for a key; a declined card moves nothing and leaves no entry."""
        await asyncio.sleep(self._cards.seconds(payment_token))
        verdict = self._cards.verdict(payment_token)
        if verdict is Verdict.CAPTURED:
            await self._append(key, order_id, "capture", amount)
        return verdict

    async def refund(self, key: str, order_id: str, amount: int) -> None:
        """Gives the money back, once for a key."""
        await asyncio.sleep(self._cards.usual_s)
        await self._append(key, order_id, "refund", amount)

    async def entries(self, after: int, limit: int) -> list[Entry]:
        """At most `limit` entries with a seq above `after`, in order."""

        def work(connection: sqlite3.Connection) -> list[Entry]:
            rows = connection.execute(
                "SELECT seq, order_id, kind, amount, at FROM journal WHERE seq > ? ORDER BY seq LIMIT ?",
                (after, limit),
            )
            return [Entry(row[0], row[1], row[2], row[3], datetime.fromisoformat(row[4])) for row in rows]

        return await self._journal.read(work)

    async def close(self) -> None:
        """Closes the journal after the entries under way."""
        await self._journal.close()

    async def _append(self, key: str, order_id: str, kind: Kind, amount: int) -> None:
        await self._journal.run(
            lambda connection: connection.execute(
                "INSERT INTO journal (key, order_id, kind, amount, at) VALUES (?, ?, ?, ?, ?) "
                "ON CONFLICT (key) DO NOTHING",
                (key, order_id, kind, amount, datetime.now(UTC).isoformat()),
            )
        )
