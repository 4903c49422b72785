"""The history of a run: each operation of each client as an invocation and a completion, for the checker.

One JSON object a line, the first of which names the run. An operation is one logical request, however many HTTP calls
it takes. `operation` counts them from 1 and joins its two lines. `wall` is unix seconds by the client's wall clock,
`mono` seconds by its monotonic clock.

    {"type": "run", "run"}
    {"type": "invoke", "operation", "process", "call", "method", "path", "intent", "key",
     "read": {stream: version}, "value", "wall", "mono"}
    {"type": "ok"|"fail"|"info", "operation", "status", "code", "attempts", "gateway",
     "versions": {stream: version}, "served_from", "degraded", "age_s", "value", "wall", "mono"}

`ok` has happened as it says, `fail` has certainly not happened, `info` may have happened or may happen yet. `process`
is who did it: one thing at a time if it changes something. `intent` is what somebody wants, `key` the Idempotency-Key
for it: a repeat later on is another operation with the same two. `read` is what the Consistency-Token asked for,
`versions` what it promised. `value` is what was sent, or what the answer said. Nothing personal is in it.
"""

import secrets
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal

import orjson

from gameday.workload.operation import Operation
from gameday.workload.records import DECLINED, SERVED, Outcome
from gameday.workload.transport import Answer
from holdfast.contracts.consistency import HEADER, ConsistencyTokenInvalid, decode_consistency

Type = Literal["ok", "fail", "info"]

SENT: Final = frozenset({"product_id", "quantity", "payment_token", "expected_total_amount", "delta", "reason"})
SAID: Final = frozenset(
    {
        *(
            "order_id",
            "status",
            "refund",
            "total_amount",
            "placed_at",
            "cart_id",
            "product_id",
            "unit_amount",
            "available",
        ),
        *("quantity", "line_amount", "version", "total", "next_cursor", "customer_id", "role"),
    }
)
_NESTED: Final = frozenset({"items", "lines"})


class HistoryFile:
    """Writes a new file, whose first line names the `run`.

    Lines reach the operating system at `flush`, whole or not at all for a reader.
    """

    def __init__(self, path: Path) -> None:
        self.run = secrets.token_hex(8)
        self._file = path.open("wb")
        self._file.write(orjson.dumps({"type": "run", "run": self.run}) + b"\n")
        self._operations = 0

    def invoke(self, operation: Operation) -> int:
        """The number of the operation, for `complete`."""
        self._operations += 1
        body = orjson.loads(operation.content) if operation.content else {}
        self._write(
            type="invoke",
            operation=self._operations,
            process=operation.process,
            call=operation.call,
            method=operation.method,
            path=operation.path,
            intent=operation.intent,
            key=operation.key,
            read=operation.streams,
            value={name: body[name] for name in sorted(SENT & body.keys())},
        )
        return self._operations

    def complete(
        self,
        number: int,
        operation: Operation,
        outcome: Outcome,
        code: str,
        answer: Answer | None,
        attempts: int,
        gateway: int,
    ) -> None:
        """What came of it in the end: `answer` is the last one, None if there was none, `gateway` -1 then."""
        self._write(
            type=completion(operation, outcome, code, attempts),
            operation=number,
            attempts=attempts,
            gateway=gateway,
            status=0 if answer is None else answer.status,
            code=code,
            versions={} if answer is None else _versions(answer),
            served_from=_header(answer, "served-from"),
            degraded=_header(answer, "degraded"),
            age_s=int(age) if (age := _header(answer, "age")).isdigit() else None,
            value=None if answer is None else _said(answer.body),
        )

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        self._file.close()

    def _write(self, **line: Any) -> None:
        self._file.write(orjson.dumps({**line, "wall": time.time(), "mono": time.monotonic()}) + b"\n")


def completion(operation: Operation, outcome: Outcome, code: str, attempts: int) -> Type:
    """A refusal did nothing, by the contract, but for a declined card, which made an order. One that did not look at
    the key says nothing of an attempt before it.
    """
    if outcome in SERVED or code == DECLINED:
        return "ok"
    if outcome is Outcome.REFUSED and (code in operation.refusals or (attempts == 1 and code != "request-in-progress")):
        return "fail"
    return "info"


def _versions(answer: Answer) -> Mapping[str, int]:
    try:
        return decode_consistency([answer.headers.get(HEADER, "")])
    except ConsistencyTokenInvalid:
        return {}


def _header(answer: Answer | None, name: str) -> str:
    return "" if answer is None else answer.headers.get(name, "")


def _said(body: Any) -> Any:
    if isinstance(body, Mapping):
        return {
            name: _said(value) if name in _NESTED else value for name, value in body.items() if name in SAID | _NESTED
        }
    if isinstance(body, Sequence) and not isinstance(body, str):
        return [_said(each) for each in body]
    return None
