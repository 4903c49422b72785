"""What the caller gets: an inner answer passed through, marked where it is less than usual, or a problem.

No inner failure becomes a 500: it is 503 or 504 with Retry-After.
"""

from typing import Final

import orjson
from fastapi.responses import Response

from gateway.call import Call
from gateway.representation import Representation
from holdfast.resilience.errors import retry_after
from holdfast.resilience.wire import Answer
from holdfast.service.problems import MEDIA_TYPE, Problem

WRITE_MODEL: Final = "write-model"
NO_READ_MODEL: Final = "read-model-unavailable"
LAGGING: Final = "projection-lag"
# Answered by a service and shown to the caller (INTERNALS); everything else stays inside.
PASSED: Final = (
    "consistency-token",
    "idempotency-replayed",
    "served-from",
    "degraded",
    "age",
    "retry-after",
    "www-authenticate",
)
_JSON: Final = "application/json"
_PASSED_CODES: Final = frozenset({"dependency-unavailable", "overloaded", "bulkhead-full", "deadline-exceeded"})


def passed_through(answer: Answer, *, degraded: str | None = None, served_from: str | None = None) -> Response:
    """The inner answer (any status under 500) as it is; `degraded` and `served_from` say more than it did.

    Raises Problem 503 for a status that is no answer to a caller (1xx, 3xx).
    """
    if not (200 <= answer.status < 300 or 400 <= answer.status < 500):
        raise failure_of(answer, "a service")
    response = Response(answer.body, answer.status)
    headers = response.raw_headers
    headers.append((b"content-type", answer.headers.get("content-type", _JSON).encode("latin-1")))
    headers += marks_of(answer, degraded=degraded, served_from=served_from)
    return response


def represented(
    call: Call, shared: Representation, *, degraded: str | None = None, served_from: str | None = None
) -> Response:
    """A catalogue read's inner answer: with entity tag and compression if it is a 200, else passed through."""
    if shared.answer.status != 200:
        return passed_through(shared.answer, degraded=degraded, served_from=served_from)
    return shared.respond(call, marks_of(shared.answer, degraded=degraded, served_from=served_from))


def marks_of(
    answer: Answer, *, degraded: str | None = None, served_from: str | None = None
) -> list[tuple[bytes, bytes]]:
    """The headers of an inner answer that a caller gets, with these two in place of its own."""
    own = {"degraded": degraded, "served-from": served_from}
    found = answer.headers
    marks = []
    for name in PASSED:
        value = own.get(name) or found.get(name)
        if value is not None:
            marks.append((name.encode(), value.encode("latin-1")))
    return marks


def age_of(answer: Answer) -> int:
    """How old the answering service says its answer is, in whole seconds; 0 when it does not say."""
    age = answer.headers.get("age", "")
    return int(age) if age.isascii() and age.isdigit() and len(age) <= 9 else 0


def failure_of(answer: Answer, service: str) -> Problem:
    """The 503 or 504 that an inner 5xx (or an answer that is none) means to the caller.

    A problem with a code of API.md keeps its code and detail; anything else is `dependency-unavailable`.
    """
    wait = answer.headers.get("retry-after", "1")
    headers = {"Retry-After": str(retry_after(int(wait) if wait.isascii() and wait.isdigit() else 1))}
    code, detail = _code_of(answer)
    if code is None:
        timed_out = answer.status == 504
        code = "deadline-exceeded" if timed_out else "dependency-unavailable"
        detail = f"{service} {'had no time left' if timed_out else 'cannot answer now'}"
    return Problem(504 if code == "deadline-exceeded" else 503, code, detail, headers=headers)


def _code_of(answer: Answer) -> tuple[str | None, str]:
    if not answer.headers.get("content-type", "").startswith(MEDIA_TYPE):
        return None, ""
    try:
        body = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return None, ""
    if not isinstance(body, dict) or body.get("code") not in _PASSED_CODES:
        return None, ""
    return body["code"], str(body.get("detail", ""))
