"""What every command carries beside its content, and how a handler refuses it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from command_service.domain.refusals import Refusal
from holdfast.contracts.inputs import IfMatch
from holdfast.eventstore import Claim, CommandKey, Metadata, Stream
from holdfast.resilience.deadline import Deadline


class Refused(Exception):
    """The domain refuses the command; nothing happened. Raised inside the transaction, so that it rolls back."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(f"{type(refusal).__name__}")
        self.refusal = refusal


class VersionMismatch(Exception):
    """If-Match names another version than the stream's (0: it does not exist); nothing happened."""

    def __init__(self, stream_id: str, expected: IfMatch, actual: int) -> None:
        super().__init__(f"{stream_id} is at version {actual}, which If-Match {expected} does not match")
        self.stream_id = stream_id
        self.expected = expected
        self.actual = actual


def utc_now() -> datetime:
    """Aware, as every time here."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class CommandRequest:
    """Who asks for a command, under which idempotency key, expecting which version, by when.

    `subject` is the caller's id and the scope of `key`; `now` is read once the transaction holds its locks.
    """

    subject: str
    role: str
    deadline: Deadline
    metadata: Metadata = field(default_factory=Metadata)
    key: CommandKey | None = None
    if_match: IfMatch | None = None
    now: Callable[[], datetime] = utc_now

    def require_version(self, stream: Stream[Any]) -> None:
        """Raises VersionMismatch unless the stream is at the version that the caller expects, if they expect one."""
        if self.if_match is not None and not self.if_match.matches(stream.version):
            raise VersionMismatch(stream.stream_id, self.if_match, stream.version)

    def claims(self, resource_id: str, version: int, at: datetime) -> list[Claim]:
        """What binds the key, if there is one, to a command that brings the resource's stream to this version."""
        return claims_of([self.key] if self.key else [], resource_id, version, at)


def claims_of(keys: Sequence[CommandKey], resource_id: str, version: int, at: datetime) -> list[Claim]:
    """What binds these keys to a command that brings the resource's stream to this version."""
    return [Claim(key, resource_id, at, {"version": version}) for key in keys]


def claimed_version(claim: Claim) -> int:
    """The version that the first call with a key reached. Only for claims that `claims_of` made."""
    assert claim.answer is not None
    return int(claim.answer["version"])
