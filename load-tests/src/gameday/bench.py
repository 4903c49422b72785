"""`make bench-containment`: what the protections cost a healthy call, as ratios of throughputs in one run.

A gateway in small passes the same call on to one server in three ways: through httpx as it comes, through the project's
wire alone, and through the whole outbound path (bulkhead, deadline, retry budget, balancing, breaker, attempt timeout)
over that wire. The three take turns in short rounds, so that whatever else the machine does meets all of them alike.
Each round gives two ratios; their medians are judged. The gateway has a processor of its own where there are two, for
what it costs to be moved about and to share one is not what is asked.
"""

import argparse
import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from statistics import median
from typing import Final

import httpx
import uvicorn
import uvloop
from starlette.types import Receive, Scope, Send

from holdfast.resilience.client import OutboundClient
from holdfast.resilience.deadline import Deadline
from holdfast.resilience.settings import QUERY_CLIENT, READ
from holdfast.resilience.wire import Wire

KEPT_OF_WIRE: Final = 0.9
TIMES_HTTPX: Final = 1.5
CALLERS: Final = 16  # half of the bulkhead: nobody waits for a place
_HEADERS: Final = (
    ("X-Request-Id", "0193f0a0"),
    ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
)
_PATH: Final = "/api/products/71053"
_ANSWER: Final = b'{"product_id": "71053", "name": "WHITE METAL LANTERN", "unit_amount": 339}'.ljust(1000)
_SERVER: Final = """
import asyncio, sys
ANSWER = b"HTTP/1.1 200 OK\\r\\nContent-Type: application/json\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(BODY) + BODY
class Answering(asyncio.Protocol):
    def connection_made(self, transport): self.transport, self.read = transport, b""
    def data_received(self, data):
        self.read += data
        *whole, self.read = self.read.split(b"\\r\\n\\r\\n")
        self.transport.write(ANSWER * len(whole))
async def main():
    server = await asyncio.get_running_loop().create_server(Answering, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
asyncio.run(main())
"""

Call = Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Round:
    """Calls a second of each, one after the other."""

    httpx: float
    wire: float
    contained: float


async def _per_s(call: Call, calls: int) -> float:
    """Calls a second, `calls` of them by CALLERS at once."""

    async def caller() -> None:
        for _ in range(calls // CALLERS):
            await call()

    began_s = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(CALLERS)))
    return calls // CALLERS * CALLERS / (time.perf_counter() - began_s)


class Gateway:
    """An ASGI application that passes a call on in the way that its path names."""

    def __init__(self, url: str) -> None:
        # A busy machine's hiccup must not open the breaker, for there is nobody else to ask here.
        settings = replace(QUERY_CLIENT, connect_timeout_s=5, keep_alive_s=60)
        self._policy = replace(READ, attempt_timeout_s=5, slow_after_s=5)
        self._target = url + _PATH
        self._plain = httpx.AsyncClient(timeout=10, trust_env=False)
        self._wire = Wire(
            connect_timeout_s=settings.connect_timeout_s,
            keep_alive_s=settings.keep_alive_s,
            connections=settings.bulkhead.limit,
            max_answer_bytes=settings.max_answer_bytes,
        )
        self._client = OutboundClient("query-service", url, settings)
        self._ways = {"/httpx": self._by_httpx, "/wire": self._by_wire, "/contained": self._contained}

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        body = await self._ways[scope["path"]]()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _by_httpx(self) -> bytes:
        return (await self._plain.get(self._target, headers=list(_HEADERS))).content

    async def _by_wire(self) -> bytes:
        return (await self._wire.exchange("GET", self._target, _HEADERS, b"")).body

    async def _contained(self) -> bytes:
        deadline = Deadline.after(8)
        answer = await self._client.request("GET", _PATH, deadline=deadline, policy=self._policy, headers=_HEADERS)
        return answer.body


def _serve(url: str) -> None:
    """Be the gateway, on a port that is printed, until terminated."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.bind(("127.0.0.1", 0))
    listening.listen()  # before anybody is told
    print(listening.getsockname()[1], flush=True)
    config = uvicorn.Config(Gateway(url), log_level="error", access_log=False, lifespan="off")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:  # as the services do
        runner.run(uvicorn.Server(config).serve([listening]))


async def _rounds(url: str, rounds: int, calls: int) -> list[Round]:
    wire = Wire(connect_timeout_s=5, keep_alive_s=60, connections=CALLERS, max_answer_bytes=1_000_000)
    ways = [partial(wire.exchange, "GET", f"{url}/{name}", (), b"") for name in ("httpx", "wire", "contained")]
    try:
        for way in ways:  # connections are made and code is met before anything is measured
            await _per_s(way, calls)
        return [Round(*[await _per_s(way, calls) for way in ways]) for _ in range(rounds)]
    finally:
        await wire.close()


@contextmanager
def _process(*arguments: str) -> Iterator[str]:
    """The base URL of a Python process that prints its port."""
    with subprocess.Popen([sys.executable, *arguments], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.terminate()


def _report(rounds: Sequence[Round]) -> bool:
    """Print the figures; whether both bars are met."""
    of_wire = median(one.contained / one.wire for one in rounds)
    of_httpx = median(one.contained / one.httpx for one in rounds)
    for name in ("httpx", "wire", "contained"):
        print(f"{name:>10} {median(getattr(one, name) for one in rounds):7.0f} calls/s")
    print(f"contained is {of_wire:.2f} of the wire alone (at least {KEPT_OF_WIRE})")
    print(f"contained is {of_httpx:.2f} times httpx (at least {TIMES_HTTPX})")
    return of_wire >= KEPT_OF_WIRE and of_httpx >= TIMES_HTTPX


def main() -> int:
    """0 when both bars are met, else 1."""
    parser = argparse.ArgumentParser(description="what the protections cost a healthy call")
    parser.add_argument("--rounds", type=int, default=100, choices=range(1, 1001), metavar="1..1000")
    parser.add_argument("--calls", type=int, default=400, choices=range(CALLERS, 100_001), metavar="16..100000")
    parser.add_argument("--serve", nargs="+", help=argparse.SUPPRESS)  # what the bench starts as its gateway
    asked = parser.parse_args()
    if asked.serve:
        url, *processor = asked.serve
        if processor:
            os.sched_setaffinity(0, map(int, processor))
        _serve(url)
        return 0
    processors = _processors()
    if len(processors) > 1:
        os.sched_setaffinity(0, processors[1:])  # and of what is started from here, unless it goes elsewhere
    served = _process("-c", f"BODY = {_ANSWER!r}\n{_SERVER}")
    with served as server, _process(__file__, "--serve", server, *map(str, processors[:1])) as gateway:
        return 0 if _report(asyncio.run(_rounds(gateway, asked.rounds, asked.calls))) else 1


def _processors() -> list[int]:
    """Those that this process may run on, none where the system keeps that to itself."""
    return sorted(os.sched_getaffinity(0)) if sys.platform == "linux" else []


if __name__ == "__main__":
    sys.exit(main())
