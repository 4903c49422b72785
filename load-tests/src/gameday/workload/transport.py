"""One HTTP call on gevent: a kept connection, one limit of time over all of it, no hidden repeats.

geventhttpclient parses; its own client repeats reads by itself, and its time limits are for each packet.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast
from urllib.parse import urlsplit

import gevent
import gevent.socket
import orjson
from geventhttpclient.response import HTTPConnectionClosed, HTTPParseError, HTTPSocketResponse

from gameday.addresses import can_bind

_BLOCK_BYTES = 65_536


class TransportError(Exception):
    """No whole answer came; `name` says why: `Timeout`, `ConnectionRefusedError`, …"""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


@dataclass(frozen=True)
class Answer:
    """`headers` look up any case."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @cached_property
    def body(self) -> Any:
        """The JSON; None when it is none."""
        try:
            return orjson.loads(self.content)
        except orjson.JSONDecodeError:
            return None

    @property
    def code(self) -> str:
        """The problem's stable word, "" for a good answer."""
        if self.status < 400:
            return ""
        body = self.body if isinstance(self.body, dict) else {}
        return str(body.get("code", f"http-{self.status}"))


class Transport:
    """Calls to one gateway. Connections are kept for each source address; their number is bounded by the calls under
    way, not here.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 80
        self._base = parts.path.rstrip("/")
        self._binds = can_bind(self._host)
        self._idle: dict[str, list[Any]] = defaultdict(list)

    def call(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        content: bytes,
        timeout_s: float,
        source: str = "",
    ) -> Answer:
        """Raises TransportError after `timeout_s` at the latest. `source`: the address that it comes from, if it can.

        A kept connection that the server has closed meanwhile is replaced by a new one, once, as HTTP clients do.
        """
        lines = [f"{method} {self._base}{path} HTTP/1.1", f"Host: {self._host}:{self._port}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if method != "GET":
            lines.append(f"Content-Length: {len(content)}")
        message = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + content
        try:
            with gevent.Timeout(timeout_s, TransportError("Timeout")):
                return self._exchange(source if self._binds else "", method, message)
        except (HTTPParseError, OSError) as error:
            raise TransportError(type(error).__name__) from error

    def _exchange(self, source: str, method: str, message: bytes) -> Answer:
        idle = self._idle[source]
        if idle:
            try:
                return self._on(idle.pop(), idle, method, message)
            except (HTTPConnectionClosed, ConnectionResetError, BrokenPipeError):
                pass
        return self._on(self._connect(source), idle, method, message)

    def _connect(self, source: str) -> Any:
        bound = (source, 0) if source else None
        connection = gevent.socket.create_connection((self._host, self._port), source_address=bound)
        connection.setsockopt(gevent.socket.IPPROTO_TCP, gevent.socket.TCP_NODELAY, 1)
        return connection

    def _on(self, connection: Any, idle: list[Any], method: str, message: bytes) -> Answer:
        try:
            connection.sendall(message)
            response = HTTPSocketResponse(connection, block_size=_BLOCK_BYTES, method=method)
            content = response.read()
        except BaseException:  # a call cut short by its time limit too: the connection is of no use any more
            connection.close()
            raise
        if response.should_close():
            connection.close()
        else:
            idle.append(connection)
        return Answer(response.status_code, cast(Mapping[str, str], response.info()), content)

    def close(self) -> None:
        for idle in self._idle.values():
            while idle:
                idle.pop().close()
