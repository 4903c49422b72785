"""A history as the load client writes it: operations, each invoked and mostly completed."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Literal

Type = Literal["ok", "fail", "info"]
_COMPLETIONS: Final = ("ok", "fail", "info")


class HistoryInvalid(Exception):
    """The file is no whole history of one run; says in one line why."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One logical request of one client.

    `invoked` and `completed` are seconds of the client's monotonic clock; one that was never completed is an `info`
    without end. `read` are the versions that it asked for, `versions` those that its answer promised, by stream. `sent`
    and `said` are the values that went out and came back. `age_s` is the Age header.
    """

    number: int
    process: str
    call: str
    method: str
    path: str
    intent: str
    key: str
    read: Mapping[str, int]
    sent: Mapping[str, Any]
    invoked: float
    type: Type = "info"
    completed: float = float("inf")
    status: int = 0
    code: str = ""
    versions: Mapping[str, int] = field(default_factory=dict)
    served_from: str = ""
    degraded: str = ""
    age_s: int | None = None
    said: Any = None

    @property
    def changes(self) -> bool:
        """Whether it is a command, whose effect a key makes happen once."""
        return bool(self.key)

    @property
    def marked(self) -> bool:
        """Whether its answer says that it may be older than what was asked for."""
        return bool(self.degraded)

    @property
    def stream(self) -> str:
        """The one stream that it reads, "" for lists and commands."""
        if self.method != "GET":
            return ""
        path = self.path.partition("?")[0]
        if path == "/api/cart":
            return f"cart-{self.process}"
        for prefix, kind in (("/api/orders/", "order"), ("/api/products/", "product")):
            identity = path.removeprefix(prefix)
            if identity != path and "/" not in identity:
                return f"{kind}-{identity}"
        return ""

    @property
    def seen_version(self) -> int:
        """The version of its stream that a read showed."""
        return int(self.said["version"])

    @property
    def text(self) -> str:
        return f"operation {self.number} ({self.call} of {self.process or 'nobody'})"


@dataclass(frozen=True, slots=True)
class History:
    """`run` names the run. Operations are in the order of their invocations."""

    run: str
    operations: Sequence[Operation]

    def by_process(self) -> Mapping[str, Sequence[Operation]]:
        """The operations of each process that has a name."""
        found: dict[str, list[Operation]] = {}
        for operation in self.operations:
            if operation.process:
                found.setdefault(operation.process, []).append(operation)
        return found


def read_history(path: Path) -> History:
    """Raises HistoryInvalid."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise HistoryInvalid(f"{path}: {error.strerror}") from error
    if content and not content.endswith(b"\n"):
        raise HistoryInvalid(f"{path} is cut: its last line has no end")
    rows = _rows(path, content)
    first = next(rows, None)
    if first is None or first.get("type") != "run":
        raise HistoryInvalid(f"{path} is no history: it does not begin with a run")
    invoked: dict[int, Mapping[str, Any]] = {}
    completed: dict[int, Mapping[str, Any]] = {}
    at = float("-inf")
    for row in rows:
        number = row.get("operation")
        if row.get("type") == "run":
            raise HistoryInvalid(f"{path} is mixed: it holds the runs {first['run']} and {row.get('run')}")
        if row["mono"] < at:
            raise HistoryInvalid(f"{path} is mixed: time goes back at operation {number}")
        at = row["mono"]
        if row["type"] == "invoke" and number == len(invoked) + 1:
            invoked[number] = row
        elif row["type"] in _COMPLETIONS and number in invoked and number not in completed:
            completed[number] = row
        else:
            raise HistoryInvalid(f"{path} is mixed or cut: {row['type']} of operation {number} has no place there")
    return History(first["run"], [_operation(row, completed.get(number)) for number, row in invoked.items()])


def _rows(path: Path, content: bytes) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(content.splitlines(), 1):
        try:
            row = json.loads(line)
        except ValueError as error:
            raise HistoryInvalid(f"{path}, line {number}: no JSON") from error
        wanted = {"type", "run"} if number == 1 else {"type", "operation", "mono"}
        if not isinstance(row, dict) or not (wanted <= row.keys() or row.get("type") == "run"):
            raise HistoryInvalid(f"{path}, line {number}: no event of a history")
        yield row


def _operation(invoked: Mapping[str, Any], completed: Mapping[str, Any] | None) -> Operation:
    begun = Operation(
        number=invoked["operation"],
        process=invoked["process"],
        call=invoked["call"],
        method=invoked["method"],
        path=invoked["path"],
        intent=invoked["intent"],
        key=invoked["key"],
        read=invoked["read"],
        sent=invoked["value"],
        invoked=invoked["mono"],
    )
    if completed is None:
        return begun
    return replace(
        begun,
        type=completed["type"],
        completed=completed["mono"],
        status=completed["status"],
        code=completed["code"],
        versions=completed["versions"],
        served_from=completed["served_from"],
        degraded=completed["degraded"],
        age_s=completed["age_s"],
        said=completed["value"],
    )
