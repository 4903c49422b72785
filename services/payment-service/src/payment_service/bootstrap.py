"""Puts the service together from its settings."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from prometheus_client import CollectorRegistry, Gauge

from holdfast.service.app import create_app
from payment_service.adapters.ledger import Ledger
from payment_service.adapters.processor import Cards, Processor
from payment_service.api.charges import TOTAL_S, charges_router
from payment_service.api.faults import FaultMiddleware, faults_router
from payment_service.charging import Charging
from payment_service.faults import Faults
from payment_service.settings import PaymentSettings

_CHARGING = frozenset({"command-service", "settlement"})
_TOOLS = frozenset({"tools"})
_CALLERS = {"/charges/": _CHARGING, "/voids/": _CHARGING, "/journal": _TOOLS, "/faults": _TOOLS}
_OTHER_TOTAL_S = 2.0  # the journal and what health tools ask may take longer than a charge


def _total_s(_method: str, path: str) -> float:
    return TOTAL_S if path.startswith(("/charges/", "/voids/")) else _OTHER_TOTAL_S


@asynccontextmanager
async def opened(settings: PaymentSettings) -> AsyncIterator[FastAPI]:
    """The application with its files open and unfinished work resumed; both end with the block.

    Raises sqlite3.Error or OSError when the ledger or the journal is unusable.
    """
    ledger = await Ledger.open(settings.ledger_path)
    processor = await Processor.open(settings.processor_path, Cards(settings.card_s, settings.slow_card_s))
    charging = Charging(ledger, processor)
    await charging.resume()
    try:
        yield _app(settings, charging, processor)
    finally:
        await charging.stop()
        await ledger.close()
        await processor.close()


def _app(settings: PaymentSettings, charging: Charging, processor: Processor) -> FastAPI:
    registry = CollectorRegistry()
    Gauge(
        "payment_unfinished_orders", "Orders that the processor still has to be asked about", registry=registry
    ).set_function(lambda: charging.unfinished)
    faults = Faults(asyncio.get_running_loop().time)
    routers = [charges_router(charging, processor), *([faults_router(faults)] if settings.serves_faults else [])]
    app = create_app(
        "payment-service", settings, routers=routers, registry=registry, total_s=_total_s, callers=_CALLERS
    )
    if settings.serves_faults:
        app.add_middleware(FaultMiddleware, faults=faults)
    return app
