"""What a finished call says about the health of what was called. The one place that decides it.

The rule (ADR 19): a caller's doing is never a dependency's failure. Whatever a caller can bring about alone is NEUTRAL:
a request that cannot be sent, an answer that refuses it (4xx), a deadline too short to be answered in, hanging up. A
neutral outcome counts nowhere: not in a breaker, an ejection, a latency estimate or a retry budget.
"""

from collections.abc import Callable
from enum import Enum
from typing import Final

from holdfast.resilience.errors import DeadlineExceeded, DependencyUnavailable, Reason, ResilienceError


class Outcome(Enum):
    """SUCCESS, SLOW and FAILURE are counted by breakers, NEUTRAL says nothing about the dependency and is not.

    SLOW is an answer that came, but late enough to say that the dependency is unwell.
    """

    SUCCESS = "success"
    SLOW = "slow"
    FAILURE = "failure"
    NEUTRAL = "neutral"


SUCCESS: Final = Outcome.SUCCESS  # for what every call asks: in Python 3.11 to look one up costs as much as a call
SLOW: Final = Outcome.SLOW
FAILURE: Final = Outcome.FAILURE
NEUTRAL: Final = Outcome.NEUTRAL


ClassifyError = Callable[[BaseException], Outcome]


def errors_are_failures(error: BaseException) -> Outcome:
    """The default: an Exception is a failure; cancellation and exit are neutral (CORRECTNESS 28)."""
    return FAILURE if isinstance(error, Exception) else NEUTRAL


def of_status(status: int, retry_after: bool, *, had_time: bool = True) -> Outcome:
    """An HTTP answer: 5xx is a failure, 4xx and what was shed are neutral, the rest is a success.

    A 4xx is about the request: it may have been refused before anything that can fail was asked, so it is no success
    either (a flood of 404s would hide real failures). A 503 with Retry-After was shed at a local limit (INTERNALS); one
    without says that the replica's own dependency is away. A 504 is its deadline, which we gave it: it counts only if
    it `had_time`.
    """
    if status < 400:
        return SUCCESS
    if status < 500 or (status == 503 and retry_after) or (status == 504 and not had_time):
        return NEUTRAL
    return FAILURE


def of_no_answer(reason: Reason, *, fair: bool, had_time: bool) -> Outcome:
    """An attempt without an answer. fair: False when this process's own loop stood still meanwhile. had_time: False
    when it was given less time than a healthy dependency needs, as the caller's deadline was short.
    """
    return FAILURE if fair and (had_time or reason != "timeout") else NEUTRAL


def of_refusal(error: ResilienceError, dependency: str, *, had_time: bool) -> Outcome:
    """A protection's error raised in a guarded block: a failure only if it is this dependency's own."""
    if isinstance(error, DeadlineExceeded):
        return FAILURE if had_time and error.dependency in (None, dependency) else NEUTRAL
    if isinstance(error, DependencyUnavailable):
        return FAILURE if error.dependency == dependency else NEUTRAL
    return NEUTRAL  # shed, refused at a limit, or not sent
