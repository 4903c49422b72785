"""asyncpg's exceptions as the event store's: did PostgreSQL fail, was it busy, or is the statement wrong?"""

from __future__ import annotations

import asyncpg

from holdfast.eventstore.connections import describe
from holdfast.eventstore.errors import (
    DEPENDENCY,
    DatabaseUnavailable,
    Deadlock,
    LockTimeout,
    StatementCancelled,
)

_BUSY: tuple[tuple[type[Exception], type[Exception]], ...] = (
    (asyncpg.LockNotAvailableError, LockTimeout),
    (asyncpg.DeadlockDetectedError, Deadlock),
    (asyncpg.QueryCanceledError, StatementCancelled),
)
# Connection errors, a server that starts, stops or is full, and sessions that it ended.
_UNAVAILABLE = (
    OSError,
    EOFError,
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.PostgresSystemError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.TransactionTimeoutError,
)


def translated(error: Exception, *, closed: bool, committing: bool = False, dependency: str = DEPENDENCY) -> Exception:
    """What to raise for `error`, which may be `error` itself.

    `closed`: the connection is; `committing`: the error came out of COMMIT.
    """
    for theirs, ours in _BUSY:
        if isinstance(error, theirs):
            return ours(str(error))
    if closed or isinstance(error, _UNAVAILABLE):
        return DatabaseUnavailable(describe(error), committed_unknown=committing, dependency=dependency)
    return error
