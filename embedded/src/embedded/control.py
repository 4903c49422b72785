"""The commands' way to the supervisor: one line of JSON there, one back, over a Unix socket."""

import asyncio
import dataclasses
import json
from collections.abc import Awaitable, Callable
from typing import Any

from embedded.part import Refused
from embedded.state import StateDirectory
from embedded.supervisor import Supervisor
from embedded.trees import StillAlive

_ANSWER_WITHIN_S = 60.0
_LONGEST_FAULT_S = 24 * 3600.0


class NotRunning(Exception):
    """No supervisor answers; the message says so."""


class Control:
    """Answers the commands of one supervisor."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._does: dict[str, Callable[[dict[str, Any]], Awaitable[Any]]] = {
            "status": self._status,
            "kill": lambda request: supervisor.kill(request["name"], _duration(request)),
            "pause": lambda request: supervisor.pause(request["name"], _duration(request)),
            "slow": lambda request: supervisor.slow(request["name"], request["stopped_share"], _duration(request)),
            "resume": lambda request: supervisor.resume(request["name"]),
            "start": lambda request: supervisor.start(request["name"]),
            "calm": lambda _: supervisor.calm(),
            "ready": self._ready,
            "down": self._down,
        }

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection: a request, its answer, the end."""
        try:
            request = json.loads(await reader.readline())
            answer = {"result": await self._does[request["do"]](request)}
        except (Refused, StillAlive) as error:
            answer = {"refused": str(error)}
        except (ValueError, KeyError, TypeError) as error:
            answer = {"refused": f"not understood: {error!r}"}
        writer.write(json.dumps(answer).encode() + b"\n")
        await writer.drain()
        writer.close()

    async def _status(self, _request: dict[str, Any]) -> list[dict[str, Any]]:
        return [dataclasses.asdict(row) for row in await self._supervisor.status()]

    async def _ready(self, _request: dict[str, Any]) -> bool:
        return await self._supervisor.ready()

    async def _down(self, _request: dict[str, Any]) -> None:
        self._supervisor.stop()


def _duration(request: dict[str, Any]) -> float | None:
    for_s = request.get("for_s")
    if for_s is None:
        return None
    if not 0 < float(for_s) <= _LONGEST_FAULT_S:
        raise Refused(f"a fault lasts more than 0 and at most {_LONGEST_FAULT_S:g} s, not {for_s:g}")
    return float(for_s)


def ask(state: StateDirectory, do: str, **arguments: object) -> Any:
    """Sends one command and returns its result. Raises NotRunning and Refused."""
    try:
        with state.connect(_ANSWER_WITHIN_S) as connection, connection.makefile("rwb") as stream:
            stream.write(json.dumps({"do": do, **arguments}).encode() + b"\n")
            stream.flush()
            line = stream.readline()
    except (FileNotFoundError, ConnectionError) as error:
        raise NotRunning(f"no stack runs in {state.path}; `holdfast up` starts one") from error
    if not line:
        raise NotRunning(f"the stack in {state.path} ended before it answered")
    answer = json.loads(line)
    if "refused" in answer:
        raise Refused(answer["refused"])
    return answer["result"]
