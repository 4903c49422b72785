"""HTTP/1.1 over one connection, byte by byte: what an attacker sends need not be valid, and no library may mend it."""

import asyncio
import contextlib
import re
from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import urlsplit

_MOST_HEADER_BYTES: Final = 65_536
_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CLOSES: Final = re.compile(rb"\r\nconnection: *close", re.IGNORECASE)
_CODE: Final = re.compile(rb'"code": ?"([a-z0-9-]+)"')


class Unanswered(Exception):
    """No whole answer came. `outcome` says what did: `closed`, `reset`, `refused`, `timeout`."""

    def __init__(self, outcome: str) -> None:
        super().__init__(outcome)
        self.outcome = outcome


@dataclass(frozen=True, slots=True)
class Response:
    """One answer of the shop. `closes`: the connection cannot be used again."""

    status: int
    body: bytes
    closes: bool

    @property
    def outcome(self) -> str:
        """`200`, or the status with the problem's code: `422 invalid`."""
        found = _CODE.search(self.body) if self.status >= 400 else None
        return f"{self.status} {found[1].decode()}" if found else str(self.status)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a gateway listens."""

    host: str
    port: int

    @classmethod
    def of(cls, url: str) -> Self:
        parts = urlsplit(url)
        return cls(parts.hostname or "", parts.port or 80)


class Connection:
    """One TCP connection. Every method raises Unanswered when the other side has ended it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, endpoint: Endpoint, source: str, within_s: float) -> Self:
        """From the address `source`, "" for any. Raises Unanswered `refused` or `timeout`."""
        local = (source, 0) if source else None
        try:
            async with asyncio.timeout(within_s):
                opened = await asyncio.open_connection(
                    endpoint.host, endpoint.port, local_addr=local, limit=_MOST_HEADER_BYTES
                )
        except TimeoutError as error:
            raise Unanswered("timeout") from error
        except OSError as error:
            raise Unanswered("refused") from error
        return cls(*opened)

    async def send(self, content: bytes) -> None:
        """Waits until the system has taken most of it."""
        try:
            self._writer.write(content)
            await self._writer.drain()
        except OSError as error:
            raise Unanswered("reset") from error

    async def response(self, within_s: float) -> Response:
        """The next answer. Raises Unanswered, `timeout` after `within_s`."""
        try:
            async with asyncio.timeout(within_s):
                return await self._response()
        except TimeoutError as error:
            raise Unanswered("timeout") from error
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError) as error:
            raise Unanswered("closed") from error
        except OSError as error:
            raise Unanswered("reset") from error

    async def _response(self) -> Response:
        head = await self._reader.readuntil(b"\r\n\r\n")
        status = int(head[9:12])
        length = _LENGTH.search(head)
        body = await self._reader.readexactly(int(length[1])) if length else b""
        return Response(status, body, closes=length is None or _CLOSES.search(head) is not None)

    def close(self) -> None:
        """At once, without a farewell: what was sent and is still on its way is dropped."""
        with contextlib.suppress(OSError, RuntimeError):
            self._writer.transport.abort()
