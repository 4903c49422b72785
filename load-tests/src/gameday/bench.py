"""`make bench-containment`: what the protections cost a healthy call, as ratios of throughputs in one run.

The same call is made through httpx as it comes, through the project's wire alone, and through the whole outbound path
(bulkhead, deadline, retry budget, balancing, breaker, attempt timeout) over that wire. The three take turns in short
rounds against one small server, so that whatever else the machine does meets all of them alike. Each round gives two
ratios; their medians are judged.
"""

import argparse
import asyncio
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Final

import httpx

from holdfast.resilience.client import OutboundClient
from holdfast.resilience.deadline import Deadline
from holdfast.resilience.settings import QUERY_CLIENT, READ, READ_TOTAL_S
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


async def _rounds(url: str, rounds: int, calls: int) -> list[Round]:
    # A busy machine's hiccup must not open the breaker, for there is nobody else to ask here.
    patient = replace(READ, attempt_timeout_s=10, slow_after_s=10)
    settings = replace(QUERY_CLIENT, connect_timeout_s=5, keep_alive_s=60)
    client = OutboundClient("query-service", url, settings)
    wire = Wire(
        connect_timeout_s=settings.connect_timeout_s,
        keep_alive_s=settings.keep_alive_s,
        connections=settings.bulkhead.limit,
        max_answer_bytes=settings.max_answer_bytes,
    )

    async def contained() -> None:
        await client.request("GET", _PATH, deadline=Deadline.after(20), policy=patient, headers=_HEADERS)

    async with httpx.AsyncClient(timeout=READ_TOTAL_S + 10, trust_env=False) as plain:
        ways: Sequence[Call] = (
            lambda: plain.get(url + _PATH, headers=list(_HEADERS)),
            lambda: wire.exchange("GET", url + _PATH, _HEADERS, b""),
            contained,
        )
        try:
            for way in ways:  # connections are made and code is met before anything is measured
                await _per_s(way, calls)
            return [Round(*[await _per_s(way, calls) for way in ways]) for _ in range(rounds)]
        finally:
            await client.close()
            await wire.close()


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
    parser.add_argument("--rounds", type=int, default=30, choices=range(1, 1001), metavar="1..1000")
    parser.add_argument("--calls", type=int, default=400, choices=range(CALLERS, 100_001), metavar="16..100000")
    asked = parser.parse_args()
    source = f"BODY = {_ANSWER!r}\n{_SERVER}"
    with subprocess.Popen([sys.executable, "-c", source], stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            url = f"http://127.0.0.1:{int(server.stdout.readline())}"
            met = _report(asyncio.run(_rounds(url, asked.rounds, asked.calls)))
        finally:
            server.terminate()
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
