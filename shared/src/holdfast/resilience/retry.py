"""What may be repeated, how much of it a process may do, and how long it pauses before."""

import random
from collections.abc import Callable

import orjson

from holdfast.resilience.attempt import Ending, Unanswered
from holdfast.resilience.clock import SYSTEM_CLOCK, Clock
from holdfast.resilience.policy import CallPolicy
from holdfast.resilience.settings import RetrySettings
from holdfast.resilience.window import RollingCount
from holdfast.resilience.wire import Answer

_BUCKETS = 10


class RetryBudget:
    """Finagle's: in any ttl that ends with a repeat, repeats are at most floor_per_s x ttl + budget x requests.

    A budget keeps the load of repeats proportionate when everything fails, where a count of attempts multiplies it.
    """

    def __init__(self, settings: RetrySettings | None = None, *, clock: Clock = SYSTEM_CLOCK) -> None:
        settings = settings or RetrySettings()
        self._share = settings.budget
        self._reserve = settings.floor_per_s * settings.ttl_s
        self._requests = RollingCount(settings.ttl_s, _BUCKETS, clock)
        self.deposit = self._requests.add  # itself, not a call around it, as every call does it
        """A first attempt was made, and said something about its replica."""
        # A bucket more than the ttl has: what is forgotten has really been gone for a ttl.
        self._repeats = RollingCount(settings.ttl_s * (_BUCKETS + 1) / _BUCKETS, _BUCKETS + 1, clock)

    def withdraw(self) -> bool:
        """Ask for one repeat: True, and it is counted, or False."""
        allowed = self._reserve + self._share * self._requests.total
        if self._repeats.total + 1 > allowed + 1e-9:  # ten tenths are one
            return False
        self._repeats.add()
        return True


def backoff_s(settings: RetrySettings, rng: Callable[[], float] = random.random) -> float:
    """A pause drawn evenly between the two bounds (full jitter): callers that failed together part."""
    shortest_s, longest_s = settings.backoff_s
    return shortest_s + (longest_s - shortest_s) * rng()


def worth_repeating(ending: Ending, policy: CallPolicy) -> bool:
    if isinstance(ending, Answer):
        status = ending.status
        if status < 500 or not (policy.retry and policy.repeatable):
            return False
        # 504 is our own timeout, seen by the other side first. A 503 with Retry-After was shed: a repeat would amplify.
        return status in (502, 504) or (status == 503 and "retry-after" not in ending.headers)
    if unsent(ending):
        return policy.retry
    return policy.retry and policy.repeatable and ending.reason in ("reset", "timeout", "lost")


def unsent(ending: Ending) -> bool:
    return isinstance(ending, Unanswered) and ending.reason == "connect"


def failed_harmlessly(ending: Ending, policy: CallPolicy) -> bool:
    """Whether an attempt failed, in any way, and doing it again does no more than doing it once."""
    if isinstance(ending, Unanswered):
        return policy.repeatable or unsent(ending)
    return policy.repeatable and (ending.status >= 500 or ending.status == 429)


def met_itself(answer: Answer) -> bool:
    """Whether a repeat was refused because its first attempt is still at work (409 request-in-progress)."""
    if answer.status != 409:
        return False
    try:
        problem = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return False
    return isinstance(problem, dict) and problem.get("code") == "request-in-progress"
