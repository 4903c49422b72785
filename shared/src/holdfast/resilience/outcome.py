"""What a finished call says about the health of what was called."""

from collections.abc import Callable
from enum import Enum
from typing import Final


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


def of_status(status: int, *, retry_after: bool) -> Outcome:
    """How an HTTP answer counts: 5xx is a failure, what was shed is neutral, the rest a success.

    429 and a 503 with Retry-After (shed at a local limit, INTERNALS) say that the replica works; a 503 without
    Retry-After says that its own dependency is away.
    """
    if status == 429 or (status == 503 and retry_after):
        return NEUTRAL
    return FAILURE if status >= 500 else SUCCESS
