"""The durable ledger: one row for each order that was ever charged or voided."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from payment_service.adapters.sqlite_thread import SqliteThread
from payment_service.domain.charge import Charge, Status

Refusal = TypeVar("Refusal")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS charges (
    order_id text PRIMARY KEY,
    status text NOT NULL,
    amount integer NOT NULL CHECK (amount >= 0),
    currency text,
    payment_token text
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS charges_unfinished ON charges (status)
    WHERE status IN ('pending', 'voiding', 'refunding');
"""
_COLUMNS = "order_id, status, amount, currency, payment_token"


class Ledger:
    """Reads and changes rows; every change is one transaction, on the disk when the call returns."""

    def __init__(self, database: SqliteThread) -> None:
        self._database = database

    @classmethod
    async def open(cls, path: Path) -> "Ledger":
        """Opens or creates the ledger. Raises sqlite3.Error when the file is unusable."""
        return cls(await SqliteThread.open(path, _SCHEMA))

    async def change(self, order_id: str, decide: Callable[[Charge | None], Charge | Refusal]) -> Charge | Refusal:
        """Stores the row that `decide` makes of the known one; a refusal changes nothing. Returns what it
        made.
        """

        def work(connection: sqlite3.Connection) -> Charge | Refusal:
            known = _row(connection, order_id)
            decided = decide(known)
            if isinstance(decided, Charge) and decided != known:
                connection.execute(
                    f"INSERT OR REPLACE INTO charges ({_COLUMNS}) VALUES (?, ?, ?, ?, ?)",
                    (
                        decided.order_id,
                        decided.status,
                        decided.amount,
                        decided.currency,
                        decided.payment_token,
                    ),
                )
            return decided

        return await self._database.run(work)

    async def get(self, order_id: str) -> Charge | None:
        """The order's row, None when it was neither charged nor voided."""
        return await self._database.read(lambda connection: _row(connection, order_id))

    async def unfinished(self) -> list[str]:
        """The orders whose processor still has to be asked something, to be resumed at start."""
        return await self._database.read(
            lambda connection: [
                row[0]
                for row in connection.execute(
                    "SELECT order_id FROM charges WHERE status IN ('pending', 'voiding', 'refunding')"
                )
            ]
        )

    async def close(self) -> None:
        """Closes the file after the changes under way."""
        await self._database.close()


def _row(connection: sqlite3.Connection, order_id: str) -> Charge | None:
    row = connection.execute(f"SELECT {_COLUMNS} FROM charges WHERE order_id = ?", (order_id,)).fetchone()
    return None if row is None else Charge(row[0], Status(row[1]), row[2], row[3], row[4])
