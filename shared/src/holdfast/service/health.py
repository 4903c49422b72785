"""/healthz, /readyz, /status and /metrics, the same for every process and without a token."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from holdfast.contracts.messages import rfc3339
from holdfast.resilience.protections import PROTECTIONS
from holdfast.service.responses import json_response


@dataclass(frozen=True, slots=True)
class Readiness:
    """`serves` is False only if no journey can be served; `dependencies` maps each name to "up" or what is wrong."""

    serves: bool = True
    dependencies: Mapping[str, str] = field(default_factory=dict)


def _ready() -> Readiness:
    return Readiness()


def _nothing() -> Sequence[Mapping[str, Any]]:
    return ()


def _no_extra() -> Mapping[str, Any]:
    return {}


@dataclass(frozen=True, slots=True)
class Health:
    """What a process tells of itself. Each field is asked at every call and must answer at once, without I/O.

    `dependencies` gives INTERNALS' list of breakers, `extra` further members of /status (`outbox`, `projection`).
    """

    readiness: Callable[[], Readiness] = _ready
    dependencies: Callable[[], Sequence[Mapping[str, Any]]] = _nothing
    extra: Callable[[], Mapping[str, Any]] = _no_extra


class _Since:
    """Remembers when the state last changed."""

    def __init__(self) -> None:
        self._state = ""
        self._since = ""

    def of(self, state: str) -> str:
        if state != self._state:
            self._state, self._since = state, rfc3339(datetime.now(UTC))
        return self._since


def health_router(service: str, replica: str, health: Health, registry: CollectorRegistry) -> APIRouter:
    """The four routes of one process."""
    router = APIRouter(include_in_schema=False)
    since = _Since()

    @router.get("/healthz")
    async def healthz() -> Response:
        return json_response({"status": "ok", "service": service, "replica": replica})

    @router.get("/readyz")
    async def readyz() -> Response:
        ready = health.readiness()
        status = "ready" if ready.serves else "unready"
        return json_response({"status": status, "dependencies": dict(ready.dependencies)}, 200 if ready.serves else 503)

    @router.get("/status")
    async def status() -> Response:
        ready = health.readiness()
        dependencies = list(health.dependencies())
        down = any(state != "up" for state in ready.dependencies.values())
        tripped = any(dependency["breaker"] == "open" for dependency in dependencies)
        state = "degraded" if down or tripped or not ready.serves else "up"
        who = {"service": service, "replica": replica, "state": state, "since": since.of(state)}
        told = {"dependencies": dependencies, "protections_off": PROTECTIONS.off}
        return json_response(who | told | dict(health.extra()))

    @router.get("/metrics")
    async def metrics() -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return router
