"""What a guarded call can end with. Fields, no HTTP statuses: each service's `api/problems.py` maps them."""

from typing import Literal

Reason = Literal[
    "breaker-open",  # refused at once: the breaker is open, or half-open with its permits taken
    "no-replica",  # no address is known yet
    "connect",  # no connection: certainly not sent
    "reset",  # the connection broke: unknown whether it happened
    "timeout",  # no answer within the attempt's time: unknown whether it happened
    "lost",  # the replica or store missed its probes meanwhile: unknown whether it happened
    "bad-answer",  # not HTTP, or longer than allowed: unknown whether it happened
    "request-in-progress",  # our own repeat met the first attempt, still at work
    "failed",  # a guarded store refused or broke
]


class ResilienceError(Exception):
    """Any refusal or failure that a protection reports."""


class DeadlineExceeded(ResilienceError):
    """The time for the whole request is over. Whether the call took effect is unknown.

    `dependency` is what was being waited for, None when nothing had been called yet.
    """

    def __init__(self, dependency: str | None = None) -> None:
        super().__init__(f"no time left, waiting for {dependency or 'nothing yet'}")
        self.dependency = dependency


class DependencyUnavailable(ResilienceError):
    """A dependency gave no usable answer although time was left.

    `retry_after_s` is a whole number of seconds, 1 to 5.
    """

    def __init__(self, dependency: str, *, retry_after_s: int = 1, reason: Reason = "failed") -> None:
        super().__init__(f"{dependency} is unavailable ({reason}), try again in {retry_after_s} s")
        self.dependency = dependency
        self.retry_after_s = retry_after_s
        self.reason: Reason = reason


class Unsendable(ResilienceError):
    """The request itself cannot be sent as it is. Nothing was sent, so it says nothing about any dependency."""

    def __init__(self, why: str) -> None:
        super().__init__(f"the request cannot be passed on: {why[:200]}")


class BulkheadFull(ResilienceError):
    """Too many calls to one dependency are in flight and waiting; this one was not sent."""

    def __init__(self, dependency: str, *, retry_after_s: int = 1) -> None:
        super().__init__(f"too many calls to {dependency} at once, try again in {retry_after_s} s")
        self.dependency = dependency
        self.retry_after_s = retry_after_s


class Overloaded(ResilienceError):
    """The process has more to do than it can do in time; this call was not begun."""

    def __init__(self, *, retry_after_s: int = 1) -> None:
        super().__init__(f"more calls than can be answered in time, try again in {retry_after_s} s")
        self.retry_after_s = retry_after_s


class RateLimited(ResilienceError):
    """A caller used up its rate. `limit` and `remaining` count requests, `reset_s` is until the quota is whole."""

    def __init__(self, *, retry_after_s: int, limit: int, remaining: int = 0, reset_s: int = 1) -> None:
        super().__init__(f"over {limit} requests at once, try again in {retry_after_s} s")
        self.retry_after_s = retry_after_s
        self.limit = limit
        self.remaining = remaining
        self.reset_s = reset_s


def retry_after(seconds: float) -> int:
    """Seconds as Retry-After says them: whole, rounded up, between 1 and 5."""
    return max(1, min(5, -int(-seconds // 1)))
