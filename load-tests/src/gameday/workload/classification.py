"""What an answer is worth to whoever asked."""

from gameday.workload.operation import LATER, Operation
from gameday.workload.records import Outcome
from gameday.workload.transport import Answer
from holdfast.contracts.consistency import HEADER, ConsistencyTokenInvalid, decode_consistency


def judge(operation: Operation, answer: Answer) -> tuple[Outcome, str]:
    """The outcome, and a word for what was wrong ("" when nothing was)."""
    if answer.status == 503 and "retry-after" in answer.headers:
        return Outcome.CONTAINED, answer.code
    if answer.status in operation.statuses:
        if not _right(operation, answer):
            return Outcome.FAILED, "wrong-body"
        late = answer.status == 202 or "degraded" in answer.headers
        return (Outcome.DEGRADED if late else Outcome.OK), ""
    if 400 <= answer.status < 500 and answer.code in operation.refusals | LATER:
        return Outcome.REFUSED, answer.code
    return Outcome.FAILED, answer.code or f"http-{answer.status}"


def _right(operation: Operation, answer: Answer) -> bool:
    try:
        decode_consistency([answer.headers.get(HEADER, "")])
        return operation.good(answer)
    except (ConsistencyTokenInvalid, KeyError, TypeError):  # not the fields or the types of the contract
        return False
