"""What the projector counts and times."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class ProjectorMetrics:
    """Prometheus metrics, by index where an index matters."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.applied = Counter(
            "projector_events_applied_total", "Messages that advanced a document", ["index"], registry=registry
        )
        self.received = Counter("projector_events_received_total", "Messages polled", ["index"], registry=registry)
        self.rejected = Counter(
            "projector_events_rejected_total", "Records sent to the dead letters", ["index"], registry=registry
        )
        self.failed = Counter(
            "projector_batch_failures_total", "Batches that had to be tried again", ["index"], registry=registry
        )
        self.batch_seconds = Histogram(
            "projector_batch_duration_seconds",
            "Time to fold and write one batch",
            ["index"],
            registry=registry,
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2),
        )
        self.lag = Gauge("projector_lag_events", "Messages not yet written", ["index"], registry=registry)

    def forget(self, index: str) -> None:
        """A dropped index makes no series any more."""
        for metric in (self.applied, self.received, self.rejected, self.failed, self.batch_seconds, self.lag):
            if index in {sample.labels.get("index") for family in metric.collect() for sample in family.samples}:
                metric.remove(index)
