"""One attempt of a call at one replica: breaker, attempt timeout, wire."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import httpx

from holdfast.resilience.clock import Clock
from holdfast.resilience.deadline import HEADER, Deadline, header_value
from holdfast.resilience.errors import DeadlineExceeded, Reason
from holdfast.resilience.limit import STALL_S, Limit
from holdfast.resilience.outcome import Outcome, of_status
from holdfast.resilience.policy import CallPolicy
from holdfast.resilience.protections import PROTECTIONS
from holdfast.resilience.replicas import Replica
from holdfast.resilience.wire import Header, Wire, WireError

ATTEMPT_HEADER = "X-Attempt"


@dataclass(slots=True)
class Call:
    """What is to be sent. `query` is the raw query string without its question mark, headers keep their order."""

    method: str
    path: str
    query: str
    headers: tuple[Header, ...]
    content: bytes
    deadline: Deadline
    policy: CallPolicy


@dataclass(slots=True)
class Answer:
    """A whole answer. `headers` is read by any case; `replica` is host:port; `attempts` says which one it came to."""

    status: int
    headers: httpx.Headers
    body: bytes
    replica: str
    attempts: int


@dataclass(slots=True)
class Unanswered:
    """An attempt without an answer, and why. fair: False when it says nothing about the replica (WireError)."""

    reason: Reason
    fair: bool = True


Ending = Answer | Unanswered


@dataclass(slots=True)
class AttemptSeen:
    """One attempt, for metrics. `ended` is the status in digits or the reason that there is none."""

    dependency: str
    replica: str
    number: int
    ended: str
    outcome: Outcome
    seconds: float


Observe = Callable[[AttemptSeen], None]


def ignore(seen: AttemptSeen) -> None:
    """Observe nothing."""


class Attempts:
    """Makes single attempts for one dependency."""

    def __init__(self, dependency: str, wire: Wire, *, lease_margin_s: float, clock: Clock, observe: Observe) -> None:
        self._dependency = dependency
        self._wire = wire
        self._lease_margin_s = lease_margin_s
        self._clock = clock
        self._observe = observe

    async def make(self, call: Call, replica: Replica, number: int) -> Ending:
        """Send `call` to `replica` as attempt `number`; the permit of its breaker is settled whatever happens.

        Raises DeadlineExceeded when there is no time to begin, DependencyUnavailable when the breaker refuses.
        """
        policy = call.policy
        given_s = call.deadline.remaining_s()
        timeout_s = PROTECTIONS.attempt_timeout_s(policy.attempt_timeout_s)
        if timeout_s is not None and timeout_s < given_s:
            given_s = timeout_s
        headers = self._headers(call, given_s, number)
        limit = Limit(given_s, self._dependency, slow_after_s=policy.slow_after_s)
        with replica.breaker.acquire(lease_s=given_s + self._lease_margin_s) as permit:
            ending = await self._send(call, replica, number, limit, headers)
            outcome = _judge(ending, policy, given_s, limit)
            permit.settle(outcome)
        ended = ending.reason if isinstance(ending, Unanswered) else str(ending.status)
        seconds = self._clock.now() - permit.begun_s
        self._observe(AttemptSeen(self._dependency, replica.name, number, ended, outcome, seconds))
        return ending

    async def _send(self, call: Call, replica: Replica, number: int, limit: Limit, headers: Sequence[Header]) -> Ending:
        url = f"{replica.url}{call.path}?{call.query}" if call.query else replica.url + call.path
        try:
            with limit:
                if call.policy.ends_when_lost:
                    with replica.watches.watched(limit):
                        got = await self._wire.exchange(call.method, url, headers, call.content)
                else:
                    got = await self._wire.exchange(call.method, url, headers, call.content)
        except DeadlineExceeded:
            return Unanswered("lost" if limit.lost else "timeout")
        except WireError as error:
            if error.broken_off and PROTECTIONS.on("probe"):  # the next answered probe is what ends it
                replica.pace.broke_off()
            return Unanswered(error.reason, error.fair)
        return Answer(got.status, got.headers, got.body, replica.name, number)

    def _headers(self, call: Call, given_s: float, number: int) -> Sequence[Header]:
        headers = call.headers
        if PROTECTIONS.on("deadline"):
            # The attempt's own time, not the request's: what is answered later is thrown away.
            headers = (*headers, (HEADER, header_value(given_s, self._dependency)))
        return headers if number == 1 else (*headers, (ATTEMPT_HEADER, str(number)))


def _judge(ending: Ending, policy: CallPolicy, given_s: float, limit: Limit) -> Outcome:
    if isinstance(ending, Answer) and ending.status < 400 and policy.classify is None:
        return Outcome.SLOW if limit.slow else Outcome.SUCCESS  # as nearly all are: nothing more to look at
    # One that timed out this late ran out while this process stood still, and says nothing about the replica.
    fair = given_s >= policy.fair_s and limit.overdue_s < STALL_S
    if isinstance(ending, Unanswered):
        return Outcome.FAILURE if ending.fair and (fair or ending.reason != "timeout") else Outcome.NEUTRAL
    if ending.status == 504 and not fair:
        return Outcome.NEUTRAL  # the other side ran out of the same short time
    has_retry_after = "retry-after" in ending.headers
    if policy.classify is not None:
        return limit.judge(policy.classify(ending.status, has_retry_after))
    return limit.judge(of_status(ending.status, retry_after=has_retry_after))
