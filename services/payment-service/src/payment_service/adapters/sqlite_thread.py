"""One SQLite file, used by one thread of its own, so that an fsync never blocks the event loop."""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    # FULL: a commit is on the disk before it is answered, which the kill -9 tests and a power cut both need.
    "PRAGMA synchronous = FULL",
    # Milliseconds that a write waits for a reader from outside (the audit, a person with the sqlite3 shell).
    "PRAGMA busy_timeout = 2000",
)


class SqliteThread:
    """Runs functions on the file's connection, one after another, each in one transaction.

    `run` is first come, first served. A caller that is cancelled does not undo work already handed over: what
    a function wrote stays written.
    """

    def __init__(self, connection: sqlite3.Connection, executor: ThreadPoolExecutor) -> None:
        self._connection = connection
        self._executor = executor

    @classmethod
    async def open(cls, path: Path, schema: str) -> "SqliteThread":
        """Opens or creates the file and applies `schema` (statements that may be repeated).

        Raises sqlite3.Error when the file cannot be opened or is no database.
        """
        executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix=path.stem)

        def connect() -> sqlite3.Connection:
            path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            for pragma in _PRAGMAS:
                connection.execute(pragma)
            connection.executescript(schema)
            return connection

        try:
            connection = await asyncio.get_running_loop().run_in_executor(executor, connect)
        except BaseException:
            executor.shutdown(wait=False)
            raise
        return cls(connection, executor)

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Runs `work` in one immediate transaction: committed when it returns, rolled back when it raises."""

        def transaction() -> T:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                result = work(self._connection)
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")
            return result

        return await asyncio.get_running_loop().run_in_executor(self._executor, transaction)

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Runs `work`, which only reads, without a transaction of its own."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, lambda: work(self._connection))

    async def close(self) -> None:
        """Waits for what was handed over, then closes the file."""
        await asyncio.get_running_loop().run_in_executor(self._executor, self._connection.close)
        self._executor.shutdown(wait=True)
