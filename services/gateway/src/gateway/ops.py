"""GET /api/ops/status: the whole system at a glance, for an admin, or for anyone in demo mode."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from fastapi.responses import Response
from pydantic import AwareDatetime, Field

from gateway.board import Seen, StatusBoard
from gateway.call import Call
from gateway.routing import ADMINS, ANYONE, READ, Route
from holdfast.contracts.messages import rfc3339
from holdfast.contracts.schemas import Schema
from holdfast.resilience.admission import Admission
from holdfast.resilience.dependencies import Dependencies
from holdfast.resilience.protections import PROTECTIONS
from holdfast.service.responses import json_response

SERVICE: Final = "gateway"


class ServiceState(Schema):
    name: str
    replica: str
    state: str = Field(description="up, degraded (a dependency is away) or down (it does not answer)")
    since: str
    protections_off: list[str] | None = Field(description="which protections are switched off in it; null: not known")


class DependencyState(Schema):
    """One breaker: of a replica, of a store, or of a group of routes (only while it is not closed)."""

    from_: str = Field(alias="from")
    to: str
    replica: str | None
    group: str | None
    breaker: str = Field(description="closed, half-open or open; a replica's is open while it is ejected or lost")
    in_flight: int
    limit: int | None
    error_rate: float
    p99_ms: float | None


class OutboxState(Schema):
    pending: int | None
    oldest_s: float | None


class ProjectionState(Schema):
    lag_events: int | None
    as_of: str | None


class Shed(Schema):
    """How many calls of each priority were turned away since the start."""

    checkout: int
    cart: int
    browse: int
    recommendations: int
    anonymous: int = Field(description="calls without a token, whatever they ask")


class SheddingState(Schema):
    """What this gateway takes on at once. Each replica has its own."""

    replica: str
    limit: int = Field(description="calls at once that it takes on now; moves with how many are answered late")
    in_flight: int
    waiting: int
    shed: Shed


class OpsStatus(Schema):
    """`outbox` and `projection` are null while the relay and the projector do not answer."""

    as_of: AwareDatetime
    services: list[ServiceState]
    dependencies: list[DependencyState]
    outbox: OutboxState | None
    projection: ProjectionState | None
    shedding: SheddingState


def status_route(demo: bool) -> Route:
    """In demo mode no token is needed."""
    return Route(
        "GET", "/api/ops/status", "get_ops_status", "Every process, breaker and lag", "operation", "gateway",
        ANYONE if demo else ADMINS, OpsStatus, READ,
        priority=None,
    )  # fmt: skip


class Operations:
    """Answers from what the board and this gateway itself know now."""

    def __init__(self, board: StatusBoard, dependencies: Dependencies, admission: Admission, replica: str) -> None:
        self._board = board
        self._admission = admission
        self._dependencies = dependencies
        self._replica = replica
        self._since = rfc3339(datetime.now(UTC))

    async def status(self, call: Call, body: object) -> Response:
        """OpsStatus; never waits for any service."""
        del call, body
        processes = self._board.processes
        others = [seen for seen in processes if not self._is_me(seen)]
        services = [_service(s.name, s.replica, s.state, s.since, s.protections_off) for s in processes]
        if len(others) == len(processes):
            services.append(_service(SERVICE, self._replica, "up", self._since, PROTECTIONS.off))
        breakers = [line.as_json() for line in self._dependencies.status()]
        told = [_as_told(line, DependencyState) for seen in others for line in seen.dependencies]
        return json_response(
            {
                "as_of": self._board.as_of,
                "services": services,
                "dependencies": [*breakers, *told],
                "outbox": _as_told(self._board.outbox, OutboxState),
                "projection": _as_told(self._board.projection, ProjectionState),
                "shedding": self._shedding(),
            }
        )

    def _shedding(self) -> dict[str, Any]:
        return {
            "replica": self._replica,
            "limit": self._admission.limit,
            "in_flight": self._admission.in_flight,
            "waiting": self._admission.waiting,
            "shed": {priority.name.lower(): count for priority, count in self._admission.shed.items()},
        }

    def _is_me(self, seen: Seen) -> bool:
        return seen.service == SERVICE and seen.replica == self._replica


def _service(name: str, replica: str, state: str, since: str, off: Sequence[str] | None) -> dict[str, Any]:
    return {"name": name, "replica": replica, "state": state, "since": since, "protections_off": off}


def _as_told(told: Mapping[str, Any] | None, model: type[Schema]) -> dict[str, Any] | None:
    """The model's members out of what a process told, so that an odd one cannot break the answer's shape."""
    if told is None:
        return None
    names = [field.alias or name for name, field in model.model_fields.items()]
    return {name: told.get(name) for name in names}
