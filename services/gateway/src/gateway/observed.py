"""What the gateway counts of its calls to others, and of the calls that it takes on itself."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from holdfast.resilience.admission import Admission
from holdfast.resilience.breaker import CLOSED, OPEN
from holdfast.resilience.client import OutboundClient
from holdfast.resilience.outcome import Outcome


class OutboundMetrics:
    """Attempts by dependency and replica, their time, and each breaker (0 closed, 1 half-open, 2 open): a replica's is
    named `service host:port`, a route group's `service group`.
    """

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

    def attempt(
        self, dependency: str, replica: str, number: int, ended: str, _outcome: Outcome, seconds: float
    ) -> None:
        self._attempts.labels(dependency, replica, str(number), ended).inc()
        self._seconds.labels(dependency).observe(seconds)

    def breaker_changed(self, name: str, _old: str, new: str) -> None:
        self._breakers.labels(name).set({CLOSED: 0, OPEN: 2}.get(new, 1))


class PaceMetrics(Collector):
    """How quickly each replica answers its probes, and who is out of rotation why, read when it is asked for."""

    def __init__(self, *clients: OutboundClient) -> None:
        self._clients = clients

    def collect(self) -> Iterable[Metric]:
        slowest = GaugeMetricFamily(
            "outbound_probe_slowest_seconds",
            "The slowest of a replica's latest probes, at least what counts as quick",
            labels=["dependency", "replica"],
        )
        ejected = GaugeMetricFamily(
            "outbound_replicas_ejected",
            "Replicas out of rotation, or on trial, for what their calls did: never more than half",
            labels=["dependency"],
        )
        lost = GaugeMetricFamily("outbound_replicas_lost", "Replicas that miss their probes", labels=["dependency"])
        not_closed = GaugeMetricFamily(
            "outbound_groups_open", "Groups of routes whose breaker is not closed", labels=["dependency"]
        )
        for client in self._clients:
            for replica in client.replicas.current():
                slowest.add_metric([client.name, replica.name], replica.pace.slowest_s)
            breakers = [replica.breaker for replica in client.replicas.current()]
            lost.add_metric([client.name], sum(one.lost for one in breakers))
            ejected.add_metric([client.name], sum(one.state != CLOSED and not one.lost for one in breakers))
            not_closed.add_metric([client.name], sum(one.state != CLOSED for one in client.groups.values()))
        yield from (slowest, ejected, lost, not_closed)


class AdmissionMetrics(Collector):
    """The limit, the calls under way and what was shed by priority, read when they are asked for."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission

    def collect(self) -> Iterable[Metric]:
        yield GaugeMetricFamily("gateway_admission_limit", "Calls at once that are taken on now", self._admission.limit)
        yield GaugeMetricFamily("gateway_admission_in_flight", "Calls under way", self._admission.in_flight)
        shed = CounterMetricFamily("gateway_shed", "Calls turned away, by priority", labels=["priority"])
        for priority, count in self._admission.shed.items():
            shed.add_metric([priority.name.lower()], count)
        yield shed
