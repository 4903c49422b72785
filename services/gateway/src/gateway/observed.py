"""What the gateway counts of its calls to others."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from holdfast.resilience.attempt import AttemptSeen
from holdfast.resilience.breaker import CLOSED, OPEN


class OutboundMetrics:
    """Attempts by dependency and replica, their time, and each replica's breaker (0 closed, 1 half-open, 2 open)."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._attempts = Counter(
            "outbound_attempts_total",
            "Attempts of calls to another service, by how they ended: a status or why there was no answer",
            ["dependency", "replica", "number", "ended"],
            registry=registry,
        )
        self._seconds = Histogram(
            "outbound_attempt_duration_seconds",
            "Time of one attempt",
            ["dependency"],
            registry=registry,
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2),
        )
        self._breakers = Gauge(
            "breaker_state",
            "0 closed, 1 half-open, 2 open; absent until its first change",
            ["breaker"],
            registry=registry,
        )

    def attempt(self, seen: AttemptSeen) -> None:
        self._attempts.labels(seen.dependency, seen.replica, str(seen.number), seen.ended).inc()
        self._seconds.labels(seen.dependency).observe(seen.seconds)

    def breaker_changed(self, name: str, _old: str, new: str) -> None:
        self._breakers.labels(name).set({CLOSED: 0, OPEN: 2}.get(new, 1))
