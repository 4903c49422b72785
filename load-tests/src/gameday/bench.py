"""`make bench-containment`: what the protections cost a healthy call, as ratios of throughputs in one run.

Three gateways of the shop pass the same call on to one server: one as it is, one with `CONTAINMENT=off`, which leaves
the same HTTP client without protections, and one that calls through httpx as it comes instead. They take turns in short
rounds, so that whatever else the machine does meets all of them alike. Each round gives two ratios; their medians are
judged.
"""

import argparse
import asyncio
import os
import runpy
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from statistics import median
from typing import Final

import httpx

from holdfast.resilience.wire import Header, Wire, WireAnswer, WireError

KEPT_OF_WIRE: Final = 0.9
TIMES_HTTPX: Final = 1.5
CALLERS: Final = 16  # half of the bulkhead: nobody waits for a place
_STARTS_WITHIN_S: Final = 30.0
_PATH: Final = "/api/products/71053"
_NOT_KEPT: Final = (("Cache-Control", "no-cache"),)  # else the gateway would answer out of its own memory
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


class NotServed(Exception):
    """A gateway did not answer as a healthy one does; nothing was measured."""


@dataclass(frozen=True, slots=True)
class Round:
    """Calls a second of each, one after the other."""

    httpx: float
    wire: float
    contained: float


async def _per_s(wire: Wire, url: str, calls: int) -> float:
    """Calls a second, `calls` of them by CALLERS at once. Raises NotServed."""

    async def caller() -> None:
        for _ in range(calls // CALLERS):
            answer = await wire.exchange("GET", url + _PATH, _NOT_KEPT, b"")
            if answer.status != httpx.codes.OK:
                raise NotServed(f"a gateway answered {answer.status}: {answer.body[:200]!r}")

    began_s = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(CALLERS)))
    return calls // CALLERS * CALLERS / (time.perf_counter() - began_s)


async def _rounds(urls: Sequence[str], rounds: int, calls: int) -> list[Round]:
    wire = Wire(connect_timeout_s=5, keep_alive_s=60, connections=CALLERS, max_answer_bytes=1_000_000)
    try:
        for url in urls:  # connections are made and code is met before anything is measured
            await _served(wire, url)
            await _per_s(wire, url, calls)
        return [Round(*[await _per_s(wire, url, calls) for url in urls]) for _ in range(rounds)]
    finally:
        await wire.close()


async def _served(wire: Wire, url: str) -> None:
    """Returns once the gateway answers. Raises NotServed when it does not in time."""
    ends_at = time.monotonic() + _STARTS_WITHIN_S
    while time.monotonic() < ends_at:
        with suppress(WireError, NotServed):
            await _per_s(wire, url, CALLERS)
            return
        await asyncio.sleep(0.1)
    raise NotServed(f"a gateway did not serve within {_STARTS_WITHIN_S:.0f} s")


def _through_httpx() -> None:
    """Become a gateway whose every call goes out through httpx's own client."""
    plain = httpx.AsyncClient(timeout=10, trust_env=False)

    async def exchange(_: Wire, method: str, url: str, headers: Sequence[Header], content: bytes) -> WireAnswer:
        response = await plain.request(method, url, headers=list(headers), content=content)
        return WireAnswer(response.status_code, response.headers, response.content)

    Wire.exchange = exchange  # type: ignore[method-assign, assignment]
    runpy.run_module("gateway", run_name="__main__")


@contextmanager
def _server() -> Iterator[str]:
    """The base URL of what answers every call at once."""
    arguments = [sys.executable, "-c", f"BODY = {_ANSWER!r}\n{_SERVER}"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.terminate()


@contextmanager
def _gateway(server: str, arguments: Sequence[str], settings: Mapping[str, str]) -> Iterator[str]:
    """The base URL of a gateway with these settings, which may still be starting."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    told = {"PORT": str(port), "QUERY_URLS": server, "COMMAND_URLS": server, "WARM_CACHE": "false"}
    with subprocess.Popen(
        [sys.executable, "-m", *arguments],
        env={**os.environ, "LOG_LEVEL": "error", **told, **settings},
        stdout=subprocess.DEVNULL,
    ) as process:
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def _measure(rounds: int, calls: int) -> list[Round]:
    """Raises NotServed and WireError."""
    off = {"CONTAINMENT": "off"}
    with ExitStack() as running:
        server = running.enter_context(_server())
        urls = [
            running.enter_context(_gateway(server, ("gameday.bench", "--httpx"), off)),
            running.enter_context(_gateway(server, ("gateway",), off)),
            running.enter_context(_gateway(server, ("gateway",), {})),
        ]
        return asyncio.run(_rounds(urls, rounds, calls))


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
    """0 when both bars are met, else 1; 2 when nothing was measured."""
    parser = argparse.ArgumentParser(description="what the protections cost a healthy call")
    parser.add_argument("--rounds", type=int, default=30, choices=range(1, 1001), metavar="1..1000")
    parser.add_argument("--calls", type=int, default=400, choices=range(CALLERS, 100_001), metavar="16..100000")
    parser.add_argument("--httpx", action="store_true", help=argparse.SUPPRESS)  # what the bench starts as a gateway
    asked = parser.parse_args()
    if asked.httpx:
        sys.argv = sys.argv[:1]
        _through_httpx()
        return 0
    try:
        return 0 if _report(_measure(asked.rounds, asked.calls)) else 1
    except (NotServed, WireError) as error:
        print(f"bench-containment: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
