"""How many replicas may be out of rotation for what their calls did.

Envoy's outlier detection has a `max_ejection_percent` and ignores health altogether below a panic threshold, AWS's load
balancers fail open: what condemns too many at once is more likely wrong about all of them (ADR 19).
"""

from collections.abc import Collection

from holdfast.resilience.breaker import CLOSED, CircuitBreaker


def may_eject(breakers: Collection[CircuitBreaker], share: float) -> bool:
    """Whether one more of a service's replicas may be ejected. Lost ones are not counted, neither as out nor as there:
    their probes, which no caller can influence, speak against them.
    """
    answering, ejected = _census(breakers)
    return len(ejected) < int(answering * share)


def readmit(breakers: Collection[CircuitBreaker], share: float) -> None:
    """Put those back that are out beyond the share since others left or were lost, the soonest to be tried first."""
    answering, ejected = _census(breakers)
    ejected.sort(key=lambda breaker: breaker.retry_after_s)
    for breaker in ejected[: max(0, len(ejected) - int(answering * share))]:
        breaker.close()


def _census(breakers: Collection[CircuitBreaker]) -> tuple[int, list[CircuitBreaker]]:
    """How many answer their probes, and which of these are ejected, or on trial after it."""
    answering = [breaker for breaker in breakers if not breaker.lost]
    return len(answering), [breaker for breaker in answering if breaker.state != CLOSED]
