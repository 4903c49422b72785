"""The fault knobs over HTTP, and the middleware through which they act."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import APIRouter
from fastapi.responses import Response
from pydantic import Field
from starlette.types import ASGIApp, Receive, Scope, Send

from holdfast.contracts import requests
from holdfast.service.problems import Problem, problem_response
from holdfast.service.responses import json_response
from payment_service.faults import Faults, InjectedError, Knob

Percent = Annotated[float, Field(gt=0, le=100, allow_inf_nan=False)]
# An expiry is required: whatever becomes of who set a fault, it ends by itself.
ExpiresInS = Annotated[float, Field(gt=0, le=3600, allow_inf_nan=False)]


class FaultRequest(requests.Request):
    """`percent` of the calls are hit for `expires_in_s` seconds. Whole numbers are welcome too."""

    percent: Percent = 100.0
    expires_in_s: ExpiresInS


class LatencyRequest(FaultRequest):
    """`value` in milliseconds."""

    value: Annotated[int, Field(ge=1, le=60_000)]


class FaultsRequest(requests.Request):
    """Every knob; one that is absent is lifted."""

    latency_ms: LatencyRequest | None = None
    error_rate: FaultRequest | None = None
    hang: FaultRequest | None = None


def faults_router(faults: Faults) -> APIRouter:
    """GET (the knobs set now), PUT (sets exactly the knobs given) and DELETE (lifts all; held calls go on)."""
    router = APIRouter()

    @router.get("/faults")
    async def get_faults() -> Response:
        return _present(faults)

    @router.put("/faults")
    async def put_faults(body: FaultsRequest) -> Response:
        asked = {Knob.LATENCY_MS: body.latency_ms, Knob.ERROR_RATE: body.error_rate, Knob.HANG: body.hang}
        faults.replace({knob: _numbers(fault) for knob, fault in asked.items() if fault is not None})
        return _present(faults)

    @router.delete("/faults")
    async def delete_faults() -> Response:
        faults.replace({})
        return _present(faults)

    return router


def _numbers(fault: FaultRequest) -> tuple[float, float, int]:
    return fault.percent, fault.expires_in_s, fault.value if isinstance(fault, LatencyRequest) else 0


def _present(faults: Faults) -> Response:
    content = {}
    for knob, (fault, left_s) in faults.active().items():
        content[knob.value] = {"percent": fault.percent, "expires_in_s": round(left_s, 3)}
        if knob is Knob.LATENCY_MS:
            content[knob.value]["value"] = fault.value
    return json_response(content)


class FaultMiddleware:
    """Outermost of all, so that a hanging call hangs: no deadline of this service's own ends it."""

    def __init__(self, app: ASGIApp, *, faults: Faults) -> None:
        self._app = app
        self._faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer: Callable[[Scope, Receive, Send], Awaitable[None]] = self._app
        if scope["type"] == "http" and scope["path"].startswith(("/charges/", "/voids/")):
            try:
                await self._faults.strike()
            except InjectedError:
                problem = Problem(500, "injected", "the error_rate knob hit this call")
                answer = problem_response(problem, scope["path"])
        await answer(scope, receive, send)
