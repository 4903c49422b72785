"""One attempt of a call at one replica: breaker, attempt timeout, wire."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass

import httpx

from holdfast.resilience.clock import Clock
from holdfast.resilience.deadline import HEADER, Deadline
from holdfast.resilience.errors import DeadlineExceeded, Reason
from holdfast.resilience.outcome import Outcome, of_status
from holdfast.resilience.policy import CallPolicy
from holdfast.resilience.protections import PROTECTIONS
from holdfast.resilience.replicas import Replica
from holdfast.resilience.stopwatch import STALL_S, Stopwatch
from holdfast.resilience.wire import Header, Wire, WireAnswer, WireError

ATTEMPT_HEADER = "X-Attempt"
_SET_HERE = frozenset({HEADER.lower(), ATTEMPT_HEADER.lower()})


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


@dataclass(frozen=True, slots=True)
class Unanswered:
    """An attempt without an answer, and why."""

    reason: Reason
    replica: Replica


@dataclass(slots=True)
class Answered:
    """An attempt with an answer, whatever its status."""

    answer: Answer
    replica: Replica


Ending = Answered | Unanswered


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
        limit = call.deadline
        timeout_s = PROTECTIONS.attempt_timeout_s(policy.attempt_timeout_s)
        if timeout_s is not None:
            limit = limit.at_most(timeout_s)
        headers = self._headers(call, limit, number)
        given_s = limit.remaining_s()
        begun_s = self._clock.now()
        with replica.breaker.guard(lease_s=given_s + self._lease_margin_s) as permit:
            with Stopwatch(policy.slow_after_s) as watch:
                ending = await self._send(call, replica, number, limit, headers)
            outcome = watch.judge(_judge(ending, policy, given_s, limit.overdue_s()))
            permit.settle(outcome)
        ended = str(ending.answer.status) if isinstance(ending, Answered) else ending.reason
        seconds = self._clock.now() - begun_s
        self._observe(AttemptSeen(self._dependency, replica.name, number, ended, outcome, seconds))
        return ending

    async def _send(self, call: Call, replica: Replica, number: int, limit: Deadline, headers: list[Header]) -> Ending:
        url = f"{replica.url}{call.path}?{call.query}" if call.query else replica.url + call.path
        watch = None
        try:
            async with limit.limit(self._dependency) as scope:
                with replica.watches.watched(scope) if call.policy.ends_when_lost else nullcontext() as watch:
                    got = await self._wire.exchange(call.method, url, headers, call.content)
        except DeadlineExceeded:
            return Unanswered("lost" if watch is not None and watch.lost else "timeout", replica)
        except WireError as error:
            return Unanswered(error.reason, replica)
        return Answered(_answer(got, replica, number), replica)

    def _headers(self, call: Call, limit: Deadline, number: int) -> list[Header]:
        headers = [header for header in call.headers if header[0].lower() not in _SET_HERE]
        if PROTECTIONS.on("deadline"):
            # The attempt's own time, not the request's: what is answered later is thrown away.
            headers.append((HEADER, limit.header_value(self._dependency)))
        if number > 1:
            headers.append((ATTEMPT_HEADER, str(number)))
        return headers


def _answer(got: WireAnswer, replica: Replica, number: int) -> Answer:
    return Answer(got.status, got.headers, got.body, replica.name, number)


def _judge(ending: Ending, policy: CallPolicy, given_s: float, overdue_s: float) -> Outcome:
    if isinstance(ending, Answered) and ending.answer.status < 400 and policy.classify is None:
        return Outcome.SUCCESS  # as nearly all are: nothing more to look at
    # One that timed out this late ran out while this process stood still, and says nothing about the replica.
    fair = given_s >= policy.fair_s and overdue_s < STALL_S
    if isinstance(ending, Unanswered):
        return Outcome.NEUTRAL if ending.reason == "timeout" and not fair else Outcome.FAILURE
    answer = ending.answer
    if answer.status == 504 and not fair:
        return Outcome.NEUTRAL  # the other side ran out of the same short time
    has_retry_after = "retry-after" in answer.headers
    if policy.classify is not None:
        return policy.classify(answer.status, has_retry_after)
    return of_status(answer.status, retry_after=has_retry_after)
