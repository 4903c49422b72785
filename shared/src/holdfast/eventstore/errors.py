"""What can go wrong with the event store, as exceptions that carry fields.

Four families, so that a breaker in front of PostgreSQL can tell them apart:

- `DatabaseUnavailable` and `DatabaseTimeout`: PostgreSQL did not answer. A failure.
- `DatabaseBusy`: PostgreSQL answered, or was not asked, because others hold what was wanted. Neutral (CORRECTNESS 5).
- `ValueRefused`: a value that PostgreSQL cannot hold, so a caller's input. Neutral.
- the rest: PostgreSQL worked and the store refuses. A success of PostgreSQL.
"""

from __future__ import annotations

from holdfast.resilience.errors import DeadlineExceeded, DependencyUnavailable, Reason, ResilienceError
from holdfast.resilience.outcome import Outcome

DEPENDENCY = "postgresql"
JUDGED_WAIT_S = 0.1  # a shorter wait says more about the caller's deadline than about PostgreSQL


class DatabaseUnavailable(DependencyUnavailable):
    """PostgreSQL cannot be reached, refuses connections or broke one off; `detail` says what it was.

    `committed_unknown` is true when it broke during COMMIT: the transaction may have happened.
    """

    def __init__(
        self,
        detail: str,
        *,
        reason: Reason = "reset",
        committed_unknown: bool = False,
        dependency: str = DEPENDENCY,
    ) -> None:
        super().__init__(dependency, reason=reason)
        self.args = (f"PostgreSQL is not available: {detail}",)
        self.detail = detail
        self.committed_unknown = committed_unknown


class DatabaseTimeout(DeadlineExceeded):
    """The deadline ran out in a transaction that had `waited_s` seconds.

    `committed_unknown` is true when that was during COMMIT: it may have happened (CORRECTNESS 25).
    """

    def __init__(self, *, waited_s: float, committed_unknown: bool = False, dependency: str = DEPENDENCY) -> None:
        super().__init__(dependency)
        self.args = (f"no time left in a transaction of PostgreSQL after {waited_s:.3f} s",)
        self.waited_s = waited_s
        self.committed_unknown = committed_unknown


class DatabaseBusy(ResilienceError):
    """Nothing happened because others hold what was wanted; neutral to breakers, worth a repeat after a second."""

    retry_after_s = 1


class PoolExhausted(DatabaseBusy):
    """Every connection of the pool `pool` stayed in use for `waited_s` seconds."""

    def __init__(self, pool: str, waited_s: float) -> None:
        super().__init__(f"no connection of the {pool} pool became free within {waited_s:.3f} s")
        self.pool = pool
        self.waited_s = waited_s


class LockTimeout(DatabaseBusy):
    """A row lock was not granted in what was left of the deadline."""


class Deadlock(DatabaseBusy):
    """PostgreSQL ended this transaction to resolve a deadlock."""


class StatementCancelled(DatabaseBusy):
    """PostgreSQL cancelled the statement: its time limit, or an administrator."""


class ValueRefused(Exception):
    """A value that PostgreSQL cannot hold, such as a text with a NUL, or a number out of range; `detail` says what."""

    def __init__(self, detail: str) -> None:
        super().__init__(f"PostgreSQL cannot hold a value: {detail}")
        self.detail = detail


class TransactionAborted(Exception):
    """A statement had failed and the block went on: PostgreSQL answers COMMIT with a rollback then."""

    def __init__(self) -> None:
        super().__init__("the transaction was rolled back: the error of one of its statements was swallowed")


class VersionConflict(Exception):
    """Another command changed, or created, the stream first. Versions are integers, 0 for an absent stream."""

    def __init__(self, stream_id: str, expected: int, actual: int) -> None:
        super().__init__(f"{stream_id} is at version {actual}, not {expected}")
        self.stream_id = stream_id
        self.expected = expected
        self.actual = actual


class KeyReused(Exception):
    """The idempotency key was used before with another body (422 on every command, CORRECTNESS 1)."""

    def __init__(self, subject: str) -> None:
        super().__init__(f"the idempotency key was used for another request on {subject}")
        self.subject = subject


class StreamUnknown(Exception):
    """No such stream is stored."""

    def __init__(self, stream_id: str) -> None:
        super().__init__(f"there is no stream {stream_id}")
        self.stream_id = stream_id


class SnapshotMissing(Exception):
    """A stream from before there were snapshots has none at `version` yet; its state then cannot be had for now."""

    retry_after_s = 1

    def __init__(self, stream_id: str, version: int) -> None:
        super().__init__(f"{stream_id} has no snapshot at version {version} yet")
        self.stream_id = stream_id
        self.version = version


class UnknownEventType(Exception):
    """A kind's `load_event` met a type that it does not know."""

    def __init__(self, event_type: str) -> None:
        super().__init__(f"unknown event type {event_type}")
        self.event_type = event_type


class UpcastLoop(Exception):
    """The upcasters of a kind lead from `(event_type, schema_version)` back to itself."""

    def __init__(self, event_type: str, schema_version: int) -> None:
        super().__init__(f"the upcasters of {event_type} version {schema_version} lead back to it")
        self.event_type = event_type
        self.schema_version = schema_version


def outcome_of(error: BaseException) -> Outcome:
    """What an error out of a transaction says about PostgreSQL, for the breaker in front of it.

    A refusal of the domain is a success: PostgreSQL answered. A value that it cannot hold is its caller's. A deadline
    counts only if it left PostgreSQL 100 ms, so that a caller's tiny deadlines cannot open the breaker for the others.
    """
    if isinstance(error, DatabaseTimeout):
        return Outcome.FAILURE if error.waited_s >= JUDGED_WAIT_S else Outcome.NEUTRAL
    if isinstance(error, DependencyUnavailable):
        return Outcome.FAILURE if isinstance(error, DatabaseUnavailable) else Outcome.NEUTRAL
    if isinstance(error, ResilienceError | ValueRefused) or not isinstance(error, Exception):
        return Outcome.NEUTRAL
    return Outcome.SUCCESS
