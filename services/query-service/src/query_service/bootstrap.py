"""Puts the service together from its settings."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial

from elasticsearch import AsyncElasticsearch
from fastapi import FastAPI
from prometheus_client import CollectorRegistry, Counter, Gauge

from holdfast.resilience.breaker import CLOSED
from holdfast.resilience.bulkhead import Bulkhead
from holdfast.resilience.client import OutboundClient
from holdfast.resilience.dependencies import Dependencies
from holdfast.resilience.guard import Guard
from holdfast.resilience.settings import (
    ELASTICSEARCH_GUARD,
    ELASTICSEARCH_SLOW_SHARE,
    REVOCATION_CLIENT,
    TOKEN_WAIT_BULKHEAD,
)
from holdfast.service.app import create_app, make_signer
from holdfast.service.health import Health, Readiness
from holdfast.service.revocation_feed import RevocationFeed
from holdfast.service.revocations import Revocations
from query_service.adapters.elasticsearch import NAME, ReadIndex, SeeAttempt, connect, judge
from query_service.api import problems
from query_service.api.admin import AdminReads, admin_router
from query_service.api.shop import ShopReads, shop_router
from query_service.freshness import Freshness, WatermarkWatch
from query_service.kept import KeptAnswers
from query_service.queries.carts import CartQueries
from query_service.queries.customers import CustomerQueries
from query_service.queries.orders import OrderQueries
from query_service.queries.products import ProductQueries
from query_service.queries.sales import SalesQueries
from query_service.settings import QuerySettings
from query_service.waiting import TokenWaits, WaitGate

SERVICE = "query-service"
# No bound of their own: the bulkhead is one, and the watermark watch must never wait behind the calls it watches over.
_CONNECTIONS = 10_000


@dataclass(frozen=True, slots=True)
class Parts:
    """What lives as long as the process."""

    guard: Guard
    index: ReadIndex
    waits: TokenWaits
    together: KeptAnswers[list[str]]
    freshness: Freshness
    watch: WatermarkWatch
    command: OutboundClient
    ended: Revocations


@asynccontextmanager
async def opened(settings: QuerySettings) -> AsyncIterator[FastAPI]:
    """The application, looking at Elasticsearch in the background until the block ends.

    Needs no Elasticsearch to start: it answers 503 until there is one.
    """
    client = connect(
        settings.elasticsearch_url,
        timeout_s=settings.elasticsearch_timeout_s,
        connections=_CONNECTIONS,
    )
    registry = CollectorRegistry()
    parts = _parts(settings, client, registry)
    await parts.command.start()
    background = [
        asyncio.create_task(parts.watch.run(), name="watermarks"),
        asyncio.create_task(RevocationFeed(parts.command, parts.ended).run(), name="revocations"),
    ]
    try:
        yield _app(settings, parts, registry)
    finally:
        for task in background:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await parts.command.close()
        await client.close()


def _parts(settings: QuerySettings, client: AsyncElasticsearch, registry: CollectorRegistry) -> Parts:
    slow_after_s = ELASTICSEARCH_SLOW_SHARE * settings.elasticsearch_timeout_s
    guard = Guard(NAME, replace(ELASTICSEARCH_GUARD, slow_after_s=slow_after_s), classify=judge, waits_for_probe=True)
    freshness = Freshness(stale_after_s=settings.stale_after_s)
    return Parts(
        guard=guard,
        index=ReadIndex(
            client,
            guard,
            settings.namespace,
            timeout_s=settings.elasticsearch_timeout_s,
            see_attempt=_counting(registry),
        ),
        waits=TokenWaits(
            Bulkhead("tokens", TOKEN_WAIT_BULKHEAD),
            WaitGate(behind=lambda: freshness.behind),
            longest_s=settings.token_wait_s,
        ),
        together=KeptAnswers(fresh_s=settings.recommendations_fresh_s, at_most=settings.recommendations_kept),
        freshness=freshness,
        watch=WatermarkWatch(
            client,
            guard,
            freshness,
            settings.namespace,
            every_s=settings.freshness_every_s,
            timeout_s=settings.elasticsearch_timeout_s,
            slow_after_s=slow_after_s,
        ),
        command=OutboundClient(
            "command-service",
            settings.command_urls,
            REVOCATION_CLIENT,
            credential=partial(make_signer(SERVICE, settings).header, "command-service"),
        ),
        ended=Revocations(),
    )


def _counting(registry: CollectorRegistry) -> SeeAttempt:
    attempts = Counter(
        "query_elasticsearch_attempts_total",
        "Attempts of calls to Elasticsearch; any but the first only without retry budgets",
        ["number"],
        registry=registry,
    )
    return lambda number: attempts.labels(str(number)).inc()


def _app(settings: QuerySettings, parts: Parts, registry: CollectorRegistry) -> FastAPI:
    products = ProductQueries(parts.index, parts.waits, parts.together)
    orders = OrderQueries(parts.index, parts.waits)
    customers = CustomerQueries(parts.index, parts.waits)
    shop = ShopReads(products, CartQueries(parts.index, parts.waits), orders, customers, parts.freshness)
    _watch_parts(parts, registry)
    admin = AdminReads(orders, customers, SalesQueries(parts.index), parts.freshness)
    app = create_app(
        SERVICE,
        settings,
        routers=[shop_router(shop), admin_router(admin)],
        health=_health(parts),
        registry=registry,
        total_s=lambda _method, _path: settings.total_s,
        callers={"": frozenset({"gateway", "tools"})},
    )
    app.state.verifier.ended = parts.ended
    problems.install(app)
    return app


def _health(parts: Parts) -> Health:
    dependencies = Dependencies(SERVICE)
    dependencies.add(parts.guard)

    def readiness() -> Readiness:
        # Every journey here needs Elasticsearch.
        return Readiness(parts.watch.answers, {NAME: "up" if parts.watch.answers else "away"})

    return Health(readiness, lambda: [line.as_json() for line in dependencies.status()])


def _watch_parts(parts: Parts, registry: CollectorRegistry) -> None:
    def gauge(name: str, meaning: str) -> Gauge:
        return Gauge(name, meaning, registry=registry)

    gauge("query_read_model_age_seconds", "Age of the oldest watermark, NaN if none was ever seen").set_function(
        lambda: _nan_if_none(parts.freshness.staleness().age_s)
    )
    gauge("query_elasticsearch_breaker_open", "1 unless the breaker is closed").set_function(
        lambda: float(parts.guard.breaker.state != CLOSED)
    )
    gauge("query_elasticsearch_calls_in_flight", "Calls to Elasticsearch under way").set_function(
        lambda: parts.guard.bulkhead.in_flight
    )
    gauge("query_token_waits_in_flight", "Reads waiting for their token's version").set_function(
        lambda: parts.waits.in_flight
    )
    gauge(
        "query_token_gate_closed", "1 while the read model is known to be behind and nobody waits for tokens"
    ).set_function(lambda: float(parts.waits.gate_closed))


def _nan_if_none(value: float | None) -> float:
    return float("nan") if value is None else value
