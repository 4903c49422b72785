"""One attempt of a call at one replica: breaker, attempt timeout, wire."""

from collections.abc import Callable
from dataclasses import dataclass

from holdfast.resilience.clock import Clock
from holdfast.resilience.deadline import HEADER, Deadline, header_value
from holdfast.resilience.errors import DeadlineExceeded, Reason
from holdfast.resilience.limit import STALL_S, Limit
from holdfast.resilience.outcome import NEUTRAL, SLOW, SUCCESS, Outcome, of_no_answer, of_status
from holdfast.resilience.policy import CallPolicy
from holdfast.resilience.protections import NAIVE_TIMEOUT_S, PROTECTIONS
from holdfast.resilience.replicas import Replica
from holdfast.resilience.wire import Answer, Header, Wire, WireError

ATTEMPT_HEADER = "X-Attempt"


@dataclass(slots=True)
class Unanswered:
    """An attempt without an answer, why, and how it counts. fair: see WireError."""

    reason: Reason
    fair: bool = True
    outcome: Outcome = NEUTRAL


Ending = Answer | Unanswered


Observe = Callable[[str, str, int, str, Outcome, float], None]
"""One attempt, for metrics: (dependency, replica, number, status in digits or the reason that there is none, outcome,
seconds). (No object, since every call would make one.)"""


class Attempts:
    """Makes single attempts for one dependency."""

    def __init__(
        self, dependency: str, wire: Wire, *, lease_margin_s: float, clock: Clock, observe: Observe | None
    ) -> None:
        self._dependency = dependency
        self._wire = wire
        self._lease_margin_s = lease_margin_s
        self._clock = clock
        self._observe = observe

    async def make(
        self,
        method: str,
        target: str,
        headers: tuple[Header, ...],
        content: bytes,
        deadline: Deadline,
        policy: CallPolicy,
        replica: Replica,
        number: int,
    ) -> Ending:
        """Send a request to `replica` as attempt `number`; the permit of its breaker is settled whatever happens.

        `target` is the path with its query, headers keep their order. Raises DeadlineExceeded when there is no time to
        begin, DependencyUnavailable when the breaker refuses, Unsendable; what raises counts as neutral.
        """
        given_s = deadline.remaining_s()
        timeout_s = policy.attempt_timeout_s if PROTECTIONS.on else NAIVE_TIMEOUT_S
        if timeout_s is not None and timeout_s < given_s:
            given_s = timeout_s
        if "deadline" in PROTECTIONS.on:
            # The attempt's own time, not the request's: what is answered later is thrown away.
            headers = (*headers, (HEADER, header_value(given_s, self._dependency)))
        if number > 1:
            headers = (*headers, (ATTEMPT_HEADER, str(number)))
        watches = replica.watches if policy.ends_when_lost else None
        limit = Limit(given_s, self._dependency, slow_after_s=policy.slow_after_s, watches=watches)
        permit = replica.breaker.acquire(lease_s=given_s + self._lease_margin_s)
        ending: Ending
        try:
            try:
                with limit:
                    ending = await self._wire.exchange(method, replica.url + target, headers, content)
                ending.replica, ending.attempts = replica.name, number
            except DeadlineExceeded:
                ending = Unanswered("lost" if limit.lost else "timeout")
            except WireError as error:
                if error.broken_off and "probe" in PROTECTIONS.on:  # the next answered probe is what ends it
                    replica.pace.broke_off()
                ending = Unanswered(error.reason, error.fair)
            ending.outcome = outcome = _judge(ending, policy, given_s, limit)
        except BaseException:  # cancelled, unsendable, or a fault of this process
            permit.settle(NEUTRAL)
            raise
        permit.settle(outcome)
        if self._observe is not None:
            ended = ending.reason if isinstance(ending, Unanswered) else str(ending.status)
            self._observe(self._dependency, replica.name, number, ended, outcome, self._clock.now() - permit.begun_s)
        return ending


def _judge(ending: Ending, policy: CallPolicy, given_s: float, limit: Limit) -> Outcome:
    if isinstance(ending, Answer) and ending.status < 400 and policy.classify is None:
        return SLOW if limit.slow else SUCCESS  # as nearly all are: nothing more to look at
    # One that timed out this late ran out while this process stood still, and says nothing about the replica.
    had_time = given_s >= policy.fair_s and limit.overdue_s < STALL_S
    if isinstance(ending, Unanswered):
        return of_no_answer(ending.reason, fair=ending.fair, had_time=had_time)
    has_retry_after = "retry-after" in ending.headers
    if policy.classify is not None:
        return limit.judge(policy.classify(ending.status, has_retry_after))
    return of_status(ending.status, has_retry_after, had_time=had_time)
