"""Sends one request as raw bytes on a connection of its own, and reads its answer: no client library repairs it."""

import ipaddress
import itertools
import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

SENTINEL = "hostile-sentinel"
_SENTINEL_REQUEST = f"GET /healthz HTTP/1.1\r\nHost: shop\r\nX-Request-Id: {SENTINEL}\r\n\r\n".encode()
_TIMEOUT_S = 15
_FIRST_SOURCE = int(ipaddress.IPv4Address("127.16.0.1"))


class TransportError(Exception):
    """The connection ended, or 15 s passed, before a whole answer came; the message says what did."""


@dataclass(frozen=True, slots=True)
class Response:
    """An answer: header names are lower-case, of repeated headers the last counts. closes: it ends the connection."""

    status: int
    headers: dict[str, str]
    body: bytes
    closes: bool


def sources() -> Iterator[str]:
    """Loopback addresses, each a caller of its own to the limits by address."""
    return (str(ipaddress.IPv4Address(_FIRST_SOURCE + number)) for number in itertools.count())


def exchange(url: str, source: str, request: bytes, *, head: bool = False, whole: bool = True) -> Response:
    """Send the request to `url` from the address `source`. head: the answer has no body.

    whole: the request ends where it says. Then, if the connection stays open, a second request on it has to get its own
    answer: both sides agree where the first one ended. Raises TransportError, also for that.
    """
    parts = urlsplit(url)
    assert parts.hostname is not None
    try:
        with socket.create_connection((parts.hostname, parts.port), _TIMEOUT_S, (source, 0)) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            reader = _Reader(connection)
            _send(connection, request)
            response = reader.response(head=head)
            if whole and not response.closes:
                _send(connection, _SENTINEL_REQUEST)
                second = reader.response()
                if (second.status, second.headers.get("x-request-id")) != (200, SENTINEL):
                    raise TransportError(f"the next request on the connection was answered {second}")
            return response
    except OSError as error:
        raise TransportError(repr(error)) from error


def _send(connection: socket.socket, data: bytes) -> None:
    with suppress(BrokenPipeError, ConnectionResetError):  # refused early: the answer is already here
        connection.sendall(data)


class _Reader:
    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._buffer = b""

    def response(self, *, head: bool = False) -> Response:
        """The next final response."""
        while True:
            found = self._one(head)
            if found.status >= 200:
                return found

    def _one(self, head: bool) -> Response:
        while b"\r\n\r\n" not in self._buffer:
            self._more()
        text, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        line, *lines = text.decode("latin-1").split("\r\n")
        version, status, *_ = line.split(" ", 2)
        if version != "HTTP/1.1" or not status.isdigit():
            raise TransportError(f"not a response: {line[:80]!r}")
        headers = {name.lower(): value.strip() for name, _, value in (header.partition(":") for header in lines)}
        code = int(status)
        bodiless = head or code < 200 or code in (204, 304)
        body = b"" if bodiless else self._body(headers)
        return Response(code, headers, body, headers.get("connection", "").lower() == "close")

    def _body(self, headers: dict[str, str]) -> bytes:
        if headers.get("transfer-encoding", "").lower() == "chunked":
            return self._chunks()
        if "content-length" not in headers:
            raise TransportError(f"a response of no known length: {headers}")
        return self._take(int(headers["content-length"]))

    def _chunks(self) -> bytes:
        body = b""
        while True:
            while b"\r\n" not in self._buffer:
                self._more()
            size, _, self._buffer = self._buffer.partition(b"\r\n")
            body += (chunk := self._take(int(size, 16) + 2)[:-2])
            if not chunk:
                return body

    def _take(self, count: int) -> bytes:
        while len(self._buffer) < count:
            self._more()
        taken, self._buffer = self._buffer[:count], self._buffer[count:]
        return taken

    def _more(self) -> None:
        data = self._connection.recv(65_536)
        if not data:
            raise TransportError(f"the connection ended after {self._buffer[:200]!r}")
        self._buffer += data
