"""A small HTTP server that keeps the very bytes of every connection: what is sent to it need not be valid."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

_LENGTH = re.compile(rb"\r\nContent-Length: *(\d+)", re.IGNORECASE)


@dataclass
class Received:
    """One connection: where it came from, all that was sent, and the whole requests among it."""

    peer: str
    sent: bytearray = field(default_factory=bytearray)
    requests: list[bytes] = field(default_factory=list)


class RawServer:
    """Answers whole requests: what `answers` holds for METHOD PATH as (status, body), else 422."""

    def __init__(self, answers: Mapping[str, tuple[int, Any]] | None = None) -> None:
        self.received: list[Received] = []
        self.url = ""
        self._answers = {
            "POST /api/sessions": (201, {"token": "the-token", "customer_id": "0194e5a0-0000-7000-8000-000000000001"}),
            "POST /api/customers": (201, {"token": "its-token"}),
            "GET /api/products/hostile-deep": (200, {"version": 10_001, "discontinued": True}),
            "GET /api/admin/orders": (200, {"items": [{"order_id": "0194e5a0-0000-7000-8000-00000000000a"}]}),
            **(answers or {}),
        }

    @asynccontextmanager
    async def running(self) -> AsyncIterator["RawServer"]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=1 << 24)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            server.close()

    @property
    def requests(self) -> list[bytes]:
        return [request for one in self.received for request in one.requests]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        one = Received(writer.get_extra_info("peername")[0])
        self.received.append(one)
        waiting = bytearray()
        try:
            while block := await reader.read(1 << 20):
                one.sent += block
                waiting += block
                searched = max(0, len(waiting) - len(block) - 3)
                while (whole := _whole(waiting, searched)) is not None:
                    one.requests.append(bytes(waiting[:whole]))
                    writer.write(self._answer(one.requests[-1]))
                    del waiting[:whole]
                    searched = 0
                await writer.drain()
        except (ConnectionError, asyncio.CancelledError):
            pass  # the client, or the test, is done
        finally:
            writer.close()

    def _answer(self, request: bytes) -> bytes:
        method, _, rest = request.partition(b" ")
        path = rest.split(b" ", 1)[0].split(b"?", 1)[0].decode("latin-1")
        status, body = self._answers.get(f"{method.decode()} {path}", (422, {"code": "invalid"}))
        content = json.dumps(body).encode()
        return b"HTTP/1.1 %d Some\r\nContent-Length: %d\r\n\r\n%s" % (status, len(content), content)


def _whole(waiting: bytearray, searched: int) -> int | None:
    """The length of the first whole request; None when there is none yet. No header ends in the `searched` bytes."""
    end = waiting.find(b"\r\n\r\n", 0 if len(waiting) < 1 << 17 else searched)
    if end < 0:
        return None
    length = _LENGTH.search(waiting[: end + 2])
    whole = end + 4 + (int(length[1]) if length else 0)
    return whole if len(waiting) >= whole and b"chunked" not in waiting[:end] else None
