"""What an answer is worth to whoever asked."""

from gameday.load.ask import LATER, Ask
from gameday.load.records import Outcome
from gameday.load.wire import Answer
from holdfast.contracts.consistency import HEADER, ConsistencyTokenInvalid, decode_consistency


def judge(ask: Ask, answer: Answer) -> tuple[Outcome, str]:
    """The outcome, and a word for what was wrong ("" when nothing was)."""
    if answer.status == 503 and "retry-after" in answer.headers:
        return Outcome.CONTAINED, answer.code
    if answer.status in ask.statuses:
        if not _right(ask, answer):
            return Outcome.FAILED, "wrong-body"
        late = answer.status == 202 or "degraded" in answer.headers
        return (Outcome.DEGRADED if late else Outcome.OK), ""
    if 400 <= answer.status < 500 and answer.code in ask.refusals | LATER:
        return Outcome.REFUSED, answer.code
    return Outcome.FAILED, answer.code or f"http-{answer.status}"


def _right(ask: Ask, answer: Answer) -> bool:
    try:
        decode_consistency([answer.headers.get(HEADER, "")])
        return ask.good(answer)
    except (ConsistencyTokenInvalid, KeyError, TypeError):  # not the fields or the types of the contract
        return False
