"""GET and PUT /api/ops/protections, in demo mode: the protections of every process of the shop, seen and switched."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson
from fastapi.responses import Response
from pydantic import BaseModel, Field

from gateway.board import Process, StatusBoard
from gateway.call import Call
from gateway.routing import ADMINS, ANYONE, Budget, Route
from holdfast.contracts.requests import ProtectionsWanted
from holdfast.contracts.schemas import Schema
from holdfast.resilience.deadline import Deadline
from holdfast.resilience.errors import DeadlineExceeded
from holdfast.resilience.policy import CallPolicy
from holdfast.resilience.protections import PROTECTIONS, Protection
from holdfast.resilience.wire import Header, Wire, WireError
from holdfast.service.credentials import Signer
from holdfast.service.responses import json_response

PATH: Final = "/protections"
LIMIT_S: Final = (
    1.0  # it is answered out of memory, but what is flooded answers late; a paused process must not hold it up
)
MAX_ANSWER_BYTES: Final = 64 * 1024
_BUDGET: Final = Budget(1.5, CallPolicy(attempt_timeout_s=LIMIT_S, retry=False))


class ProcessProtections(Schema):
    name: str
    replica: str
    off: list[Protection]


class Unreached(Schema):
    name: str
    replica: str


class OpsProtections(Schema):
    """What each process has now. One that could not be asked keeps what it had; one that starts has its settings'."""

    processes: list[ProcessProtections]
    unreached: list[Unreached] = Field(description="processes that did not answer, or not in time")


GET_PROTECTIONS: Final = Route(
    "GET", "/api/ops/protections", "get_protections", "Which protections are off, by process (demo mode only)",
    "operation", "gateway", ANYONE, OpsProtections, _BUDGET,
    priority=None,
)  # fmt: skip
PUT_PROTECTIONS: Final = Route(
    "PUT", "/api/ops/protections", "switch_protections", "Switch protections of every process (demo mode only)",
    "operation", "gateway", ADMINS, OpsProtections, _BUDGET,
    body=ProtectionsWanted,
    priority=None,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asked:
    """A process and what it said, None when it did not answer."""

    process: Process
    told: Mapping[str, Any] | None


class Switches:
    """Asks every process that the board knows, itself too, all at the same time."""

    def __init__(self, board: StatusBoard, service: str, replica: str, services: Signer) -> None:
        self._board = board
        self._services = services
        self._me = Process(service, replica, "")
        self._wire = Wire(connect_timeout_s=0.2, keep_alive_s=4.0, connections=0, max_answer_bytes=MAX_ANSWER_BYTES)

    async def close(self) -> None:
        await self._wire.close()

    async def show(self, call: Call, _body: BaseModel | None) -> Response:
        """OpsProtections."""
        return self._answer(await self._ask_all("GET", call.headers, b""))

    async def switch(self, call: Call, body: BaseModel | None) -> Response:
        """Switch them here and everywhere; OpsProtections as it is then."""
        assert isinstance(body, ProtectionsWanted)
        PROTECTIONS.switch_off(body.switched_off)
        return self._answer(await self._ask_all("PUT", call.headers, call.body))

    async def _ask_all(self, method: str, headers: Sequence[Header], body: bytes) -> list[Asked]:
        processes = self._board.to_ask
        told = await asyncio.gather(*(self._ask(method, process, headers, body) for process in processes))
        return [Asked(process, one) for process, one in zip(processes, told, strict=True)]

    async def _ask(
        self, method: str, process: Process, headers: Sequence[Header], body: bytes
    ) -> Mapping[str, Any] | None:
        try:
            with Deadline.after(LIMIT_S).limit(process.url):
                signed = (*headers, self._services.header(await self._board.service_at(process.url)))
                answer = await self._wire.exchange(method, process.url + PATH, signed, body)
            found = orjson.loads(answer.body) if answer.status == 200 else None
        except (DeadlineExceeded, WireError, orjson.JSONDecodeError, KeyError, TypeError):
            return None
        return found if isinstance(found, dict) and isinstance(found.get("off"), list) else None

    def _answer(self, asked: Sequence[Asked]) -> Response:
        reached = [
            {"name": one.process.name, "replica": str(one.told.get("replica", "")), "off": one.told["off"]}
            for one in asked
            if one.told is not None
        ]
        if not any(one.told is not None and self._is_me(one.told) for one in asked):
            reached.append({"name": self._me.name, "replica": self._me.replica, "off": PROTECTIONS.off})
        unreached = [
            {"name": one.process.name, "replica": one.process.replica}
            for one in asked
            if one.told is None and one.process.replica != self._me.replica
        ]
        return json_response({"processes": reached, "unreached": unreached})

    def _is_me(self, told: Mapping[str, Any]) -> bool:
        return told.get("service") == self._me.name and told.get("replica") == self._me.replica
