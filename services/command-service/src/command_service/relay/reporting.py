"""What a relay shows: /readyz, /status and /metrics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from command_service.relay.relay import Progress
from holdfast.resilience.dependencies import Dependencies
from holdfast.service.health import Health, Readiness


def health_of(progress: Progress) -> Health:
    """`outbox: {pending, oldest_s}` (nulls while another relay leads or none is connected) and `leads` in /status.

    A relay serves no journey by itself, so it is ready while it lives; what it waits for stands in `dependencies`.
    """

    def extra() -> Mapping[str, Any]:
        backlog = progress.backlog
        outbox = {
            "pending": backlog.pending if backlog else None,
            "oldest_s": round(backlog.oldest_s, 3) if backlog else None,
        }
        return {"outbox": outbox, "leads": progress.leads, "held_streams": sorted(progress.held_streams)[:20]}

    def readiness() -> Readiness:
        if progress.postgres == "up" and not progress.leads:
            return Readiness(True, {"postgresql": "up"})  # a standby needs no Kafka yet
        return Readiness(True, {"postgresql": progress.postgres, "kafka": progress.kafka})

    dependencies = Dependencies("outbox-relay")
    dependencies.add(progress.kafka_guard)
    return Health(readiness, lambda: [line.as_json() for line in dependencies.status()], extra)


class _Metrics(Collector):
    """Read from the progress when they are asked for. What is not known (another relay leads) is left out."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def collect(self) -> Iterator[Metric]:
        seen = self._progress
        yield CounterMetricFamily("holdfast_relay_published", "Messages acknowledged.", value=seen.published)
        yield _gauge("relay_leads", "1 while this relay is the one that publishes.", seen.leads)
        yield _gauge("relay_waiting_seconds", "How long the batch in flight has waited.", seen.waiting_s)
        yield _gauge("relay_held_streams", "Streams that cannot be published.", len(seen.held_streams))
        if backlog := seen.backlog:
            yield _gauge("outbox_pending", "Events not yet acknowledged by Kafka.", backlog.pending)
            yield _gauge("outbox_oldest_seconds", "Age of the oldest of them.", backlog.oldest_s)


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"holdfast_{name}", text, value=value)


def registry_of(progress: Progress) -> CollectorRegistry:
    """The relay's own metrics."""
    registry = CollectorRegistry()
    registry.register(_Metrics(progress))
    return registry
