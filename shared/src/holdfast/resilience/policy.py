"""How one kind of call wants to be treated by the outbound client."""

from collections.abc import Callable
from dataclasses import dataclass

from holdfast.resilience.outcome import Outcome

ClassifyAnswer = Callable[[int, bool], Outcome]
"""(status, has a Retry-After header) -> how the breaker counts the answer."""


@dataclass(frozen=True, slots=True)
class CallPolicy:
    """Values for each journey stand in `holdfast.resilience.settings`, with their reasons.

    attempt_timeout_s: the longest one attempt may take; None: all that the deadline leaves (checkout).
    retry: repeat once, at another replica, on connect error, reset, timeout, 502, 504 or 503 without Retry-After.
    repeatable: doing it twice does no more than doing it once: reads, PUT and DELETE, commands with an
        Idempotency-Key. A call that is not is repeated only when it certainly was not sent (connect error).
    ends_when_lost: end the attempt when its replica misses its probes (checkout, whose attempts are long).
    fair_chance_s: a timeout of an attempt that was given less than this is neutral to the breaker: the caller's short
        deadline is not the replica's fault. None: four fifths of the attempt timeout, or 0.4 s without one.
    slow_after_s: an answer that would be a success and takes longer counts as slow. None: never, since the caller
        decides how long it takes.
    classify: how an answer counts; None: by its status, as `outcome.of_status` says.
    """

    attempt_timeout_s: float | None
    retry: bool = True
    repeatable: bool = True
    ends_when_lost: bool = False
    fair_chance_s: float | None = None
    slow_after_s: float | None = None
    classify: ClassifyAnswer | None = None

    @property
    def fair_s(self) -> float:
        """Seconds an attempt needs to have been given for its timeout to count as a failure."""
        if self.fair_chance_s is not None:
            return self.fair_chance_s
        return 0.4 if self.attempt_timeout_s is None else 0.8 * self.attempt_timeout_s
