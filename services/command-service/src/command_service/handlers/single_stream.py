"""The one way in which a command changes one stream: one transaction, locked, deduplicated, decided, appended.

Its key is bound to it in the same transaction (CORRECTNESS 1), so a repeat answers the version that the first call
reached.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from command_service.domain.refusals import Refusal
from command_service.handlers.requests import CommandRequest, Refused, claimed_version
from holdfast.eventstore import (
    Append,
    Database,
    Kind,
    Stream,
    Transaction,
    VersionConflict,
    append,
    lock_streams_and_find_claim,
)

S = TypeVar("S")
E = TypeVar("E")

Precondition = Callable[[Transaction], Awaitable[Refusal | None]]
"""What has to be so beside the stream itself; reads in the command's transaction and answers a refusal if it is not."""


@dataclass(frozen=True, slots=True)
class Target(Generic[S, E]):
    """The stream to change; `owner` is noted when the command creates it."""

    kind: Kind[S, E]
    identity: str
    owner: str | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """`version` is the stream's after the command: for a repeat (`replayed`) the one that the first call reached."""

    stream_id: str
    version: int
    replayed: bool = False


async def change_stream(
    database: Database,
    request: CommandRequest,
    target: Target[S, E],
    decide: Callable[[S], Sequence[E] | Refusal],
    *,
    precondition: Precondition | None = None,
) -> Done:
    """Apply `decide` to the stream and store what it yields; a command that yields nothing answers the present version.
    Its key stays free then: a repeat is decided anew.

    Raises Refused, VersionMismatch (If-Match), KeyReused, and the event store's errors; nothing happened then, but for
    `committed_unknown`. Two commands that create the stream at once: the later is tried once more, on what is there.
    """
    try:
        return await _attempt(database, request, target, decide, precondition)
    except VersionConflict:
        return await _attempt(database, request, target, decide, precondition)


async def _attempt(
    database: Database,
    request: CommandRequest,
    target: Target[S, E],
    decide: Callable[[S], Sequence[E] | Refusal],
    precondition: Precondition | None,
) -> Done:
    async with database.transaction(request.deadline, key=request.key) as tx:
        refs = [(target.kind, target.identity)]
        locked, claim = await lock_streams_and_find_claim(tx, refs, request.key)
        stream = locked[target.kind.stream_id(target.identity)]
        if claim is not None:
            return Done(stream.stream_id, claimed_version(claim), replayed=True)
        now = request.now()
        if stream.exists:
            request.require_version(stream)
        events = await _decided(tx, stream, decide, precondition)
        request.require_version(stream)  # of an absent stream: what is unknown is said to be unknown first
        version = stream.version + len(events)
        changes = [Append(stream, events, owner=target.owner)]
        claims = request.claims(stream.stream_id, version, now)
        await append(tx, changes, request.metadata, recorded_at=now, claims=claims)
    return Done(stream.stream_id, version)


async def _decided(
    tx: Transaction,
    stream: Stream[S],
    decide: Callable[[S], Sequence[E] | Refusal],
    precondition: Precondition | None,
) -> Sequence[E]:
    refusal: Any = await precondition(tx) if precondition else None
    if refusal is not None:
        raise Refused(refusal)
    decision = decide(stream.state)
    if not isinstance(decision, Sequence):
        raise Refused(decision)
    return decision
