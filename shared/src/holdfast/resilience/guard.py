"""Bulkhead, breaker and deadline around calls that do not go over HTTP: PostgreSQL, Elasticsearch, Kafka, SQLite."""

import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from holdfast.resilience.breaker import CircuitBreaker
from holdfast.resilience.bulkhead import Bulkhead
from holdfast.resilience.clock import SYSTEM_CLOCK, Clock
from holdfast.resilience.deadline import Deadline
from holdfast.resilience.errors import DeadlineExceeded, DependencyUnavailable, Reason, ResilienceError
from holdfast.resilience.limit import STALL_S, Limit
from holdfast.resilience.outcome import SUCCESS, ClassifyError, Outcome, errors_are_failures, of_refusal
from holdfast.resilience.settings import GuardSettings
from holdfast.resilience.watches import Watches


class Guard:
    """`async with guard(deadline): ...` around every use of one store. One a process and store (or pool).

    `classify` says how an error of the store's own counts; the default counts every Exception as a failure, so pass
    one that makes lock timeouts, deadlocks, cancelled statements and a full pool neutral (CORRECTNESS 5). Who probes
    the store beside its callers, and tells the breaker, passes `waits_for_probe`: then no caller is the trial.
    """

    def __init__(
        self,
        name: str,
        settings: GuardSettings,
        *,
        classify: ClassifyError = errors_are_failures,
        clock: Clock = SYSTEM_CLOCK,
        rng: Callable[[], float] = random.random,
        waits_for_probe: bool = False,
    ) -> None:
        self.name = name
        self.bulkhead = Bulkhead(name, settings.bulkhead)
        self.breaker = CircuitBreaker(name, settings.breaker, clock=clock, rng=rng, waits_for_probe=waits_for_probe)
        self._settings = settings
        self._watches = Watches()
        self._classify = classify

    @asynccontextmanager
    async def __call__(self, deadline: Deadline, *, enforce: bool = True) -> AsyncIterator[Deadline]:
        """Enter with a place in the bulkhead and a permit of the breaker; yields the deadline.

        With `enforce` the block is cancelled at the deadline; without, the block keeps it by itself (asyncpg, whose
        clean-up needs time of its own, CORRECTNESS 25) and raises DeadlineExceeded. Raises BulkheadFull,
        DependencyUnavailable (breaker open, or lost meanwhile) or DeadlineExceeded; what the block raises passes
        unchanged.
        """
        deadline.require(self.name)
        self.breaker.require()  # an open breaker answers at once, without waiting for a place
        async with self.bulkhead.slot(deadline):
            given_s = deadline.remaining_s()
            lease_s = given_s + self._settings.breaker.lease_margin_s

            def judge(error: BaseException) -> Outcome:
                # Late enforcement means that this process stood still; without it the block has its own clean-up.
                held_up = enforce and deadline.overdue_s() >= STALL_S
                if isinstance(error, ResilienceError):
                    had_time = given_s >= self._settings.fair_chance_s and not held_up
                    return of_refusal(error, self.name, had_time=had_time)
                return self._classify(error)

            with self.breaker.acquire(classify=judge, lease_s=lease_s) as permit:
                limit = Limit(
                    given_s if enforce else None,
                    self.name,
                    slow_after_s=self._settings.slow_after_s,
                    watches=self._watches,
                )
                try:
                    with limit:
                        yield deadline
                except DeadlineExceeded as error:
                    if limit.lost:
                        raise self.unavailable("lost") from error
                    raise
                permit.settle(limit.judge(SUCCESS))

    def probe_missed(self) -> None:
        """Whoever probes the store got no answer. The miss that is too many also ends what is in flight: it raises
        DependencyUnavailable(reason `lost`) then, whether or not it happened.
        """
        if self.breaker.probe_missed():
            self._watches.lose()

    def unavailable(self, reason: Reason = "failed") -> DependencyUnavailable:
        """The error that tells the caller this store is away; adapters raise it from the store's own."""
        return DependencyUnavailable(self.name, retry_after_s=max(1, self.breaker.retry_after_s), reason=reason)
