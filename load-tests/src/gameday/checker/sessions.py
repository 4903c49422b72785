"""Session guarantees of one caller: read your writes, monotonic reads, writes follow reads; and what Age promises."""

from collections.abc import Iterable, Iterator, Mapping

from gameday.checker.check import Result
from gameday.checker.history import History, Operation

_AGE_WITHIN_S = 1.0


def _reads(operations: Iterable[Operation]) -> Iterator[Operation]:
    """Answered reads of one stream."""
    for operation in operations:
        if (
            operation.type == "ok"
            and operation.stream
            and isinstance(operation.said, dict)
            and "version" in operation.said
        ):
            yield operation


def read_your_writes(history: History) -> Result:
    """An unmarked answer to a Consistency-Token shows at least that version."""
    result = Result("read your writes: an unmarked answer shows what its token asked for")
    for read in _reads(history.operations):
        wanted = read.read.get(read.stream)
        if wanted is not None and not read.marked:
            text = f"{read.text} asked for {read.stream} at version {wanted} and saw {read.seen_version}"
            result.expect(read.seen_version >= wanted, text)
    return result


def monotonic_reads(history: History) -> Result:
    """Of two unmarked reads of a stream by one caller, one after the other, the later one shows no older version."""
    result = Result("monotonic reads: a later unmarked answer is not older")
    for operations in history.by_process().values():
        seen: dict[str, list[Operation]] = {}
        for read in _reads(operations):
            if read.marked or read.stream.startswith("product-"):
                continue
            for earlier in seen.get(read.stream, []):
                if earlier.completed <= read.invoked:
                    before = f"{earlier.text} saw {read.stream} at version {earlier.seen_version}"
                    text = f"{before}, {read.text} at {read.seen_version}"
                    result.expect(read.seen_version >= earlier.seen_version, text)
            seen.setdefault(read.stream, []).append(read)
    return result


def writes_follow_reads(history: History) -> Result:
    """A command gets a version after every one that its caller had seen or made before it was first sent.

    A cancellation tells the cart's version without having changed it.
    """
    result = Result("writes follow reads: a command's version is newer than all that its caller knew")
    first_sent: dict[str, float] = {}
    for operations in history.by_process().values():
        known: dict[str, list[tuple[float, int, Operation]]] = {}
        answered: set[str] = set()
        for operation in operations:
            sent = first_sent.setdefault(operation.intent or f"read {operation.number}", operation.invoked)
            for stream, version in _versions(operation).items():
                others = known.setdefault(stream, [])
                leaves = operation.call == "cancel" and stream.startswith("cart-")
                if operation.changes and operation.intent not in answered:
                    for completed, before, earlier in others:
                        if completed <= sent:
                            text = (
                                f"{operation.text} made {stream} version {version}, after {earlier.text} knew {before}"
                            )
                            result.expect(version > before or (leaves and version == before), text)
                others.append((operation.completed, version, operation))
            if operation.changes and operation.type == "ok":
                answered.add(operation.intent)
    return result


def _versions(operation: Operation) -> Mapping[str, int]:
    """The versions of streams that its answer gives."""
    if operation.type != "ok":
        return {}
    if operation.changes:
        return operation.versions
    return {read.stream: read.seen_version for read in _reads([operation])}


def age_is_true(history: History) -> Result:
    """A marked answer with Age shows every change that was acknowledged longer ago than that, and a second."""
    result = Result("Age never understates by more than a second")
    acknowledged: dict[str, list[tuple[float, int, Operation]]] = {}
    for operation in history.operations:
        if operation.changes and operation.type == "ok":
            for stream, version in operation.versions.items():
                acknowledged.setdefault(stream, []).append((operation.completed, version, operation))
    for read in _reads(history.operations):
        if read.age_s is None:
            continue
        for completed, version, change in acknowledged.get(read.stream, []):
            if completed < read.invoked - read.age_s - _AGE_WITHIN_S:
                since_s = read.invoked - completed
                saw = f"{read.text} saw {read.stream} at version {read.seen_version} with Age {read.age_s}"
                text = f"{saw}, and {change.text} had got version {version} {since_s:.1f} s before"
                result.expect(read.seen_version >= version, text)
    return result
