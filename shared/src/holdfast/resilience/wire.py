"""One HTTP exchange with one replica: httpx's request over httpx-aiohttp's transport, and nothing around it.

The transport is used without httpx's client: no redirects, cookies, proxies, default headers or retries can happen.
"""

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

from holdfast.resilience.errors import Reason
from holdfast.resilience.protections import NAIVE_TIMEOUT_S, PROTECTIONS

Header = tuple[str, str]

_OURS = frozenset({"host", "content-length", "connection", "transfer-encoding", "keep-alive", "te", "upgrade"})
_PLAIN = re.compile(r"[A-Za-z0-9/%:@!$&'()*+,;=\-._~?]*")
_NOT_SENT = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)
_BROKEN = (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, OSError)
_LATE_S = 0.005  # a limit kept this much late was kept by a loop too busy to time others by; usual are 2 to 4 ms


def _timeout(connect_s: float) -> dict[str, dict[str, float | None]]:
    return {"timeout": {"connect": connect_s, "read": None, "pool": None}}


_NAIVE_TIMEOUT = _timeout(NAIVE_TIMEOUT_S)


class WireError(Exception):
    """No whole answer came. `reason` is `connect` (certainly not sent), `reset` or `bad-answer`.

    fair: False when it was this process's own loop that stood still meanwhile, which says nothing about the replica.
    """

    def __init__(self, reason: Reason, detail: str, *, fair: bool = True) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason: Reason = reason
        self.fair = fair

    @property
    def broken_off(self) -> bool:
        """Whether the replica let go of the connection or did not take it, as a process does that has ended."""
        return self.fair and self.reason in ("connect", "reset")


@dataclass(slots=True)
class Answer:
    """A whole answer: status, headers (any case, repeats joined on reading) and the body as it came, still encoded.

    Who chose the replica notes it, as host:port, and which attempt it came to.
    """

    status: int
    headers: httpx.Headers
    body: bytes
    replica: str = ""
    attempts: int = 1


class Wire:
    """A pool of connections to the replicas of one dependency. Made without a loop, used on one loop."""

    def __init__(
        self, *, connect_timeout_s: float, keep_alive_s: float, connections: int, max_answer_bytes: int
    ) -> None:
        self._timeout = _timeout(connect_timeout_s)
        self._connect_timeout_s = connect_timeout_s
        self._keep_alive_s = keep_alive_s
        self._connections = connections
        self._max_answer_bytes = max_answer_bytes
        self._transport = AiohttpTransport(verify=False, trust_env=False, client=self._session)

    async def exchange(self, method: str, url: str, headers: Sequence[Header], content: bytes) -> Answer:
        """Send and read the whole answer. Unbounded in time: the caller's deadline cancels it. Raises WireError."""
        timeout = self._timeout if PROTECTIONS.on else _NAIVE_TIMEOUT
        begun_s = time.monotonic()
        request = httpx.Request(method, _plain(url), headers=_encoded(headers), content=content, extensions=timeout)
        try:
            response = await self._transport.handle_async_request(request)
            try:
                body = await self._read(response)
            finally:
                await response.aclose()
        except WireError:
            raise
        except Exception as error:  # whatever the libraries raise: one kind of error leaves this module
            limit_s = self._connect_timeout_s if timeout is self._timeout else NAIVE_TIMEOUT_S
            raise _translated(error, late=time.monotonic() - begun_s > limit_s + _LATE_S) from error
        return Answer(response.status_code, response.headers, body)

    async def close(self) -> None:
        await self._transport.aclose()

    async def _read(self, response: httpx.Response) -> bytes:
        body = bytearray()
        assert isinstance(response.stream, httpx.AsyncByteStream)
        async for chunk in response.stream:
            body += chunk
            if len(body) > self._max_answer_bytes:
                raise WireError("bad-answer", f"longer than {self._max_answer_bytes} bytes")
        return bytes(body)

    def _session(self) -> aiohttp.ClientSession:
        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._connections, keepalive_timeout=self._keep_alive_s),
            cookie_jar=aiohttp.DummyCookieJar(),  # one shopper's cookie must not travel with the next one's call
            auto_decompress=False,
            skip_auto_headers=("Accept", "Accept-Encoding", "User-Agent", "Content-Type"),
            trust_env=False,
        )
        # aiohttp repeats idempotent methods by itself on a broken kept connection; retries live in one layer. It has
        # no public switch for it; a test counts the requests that arrive.
        session._retry_connection = False
        return session


def _plain(url: str) -> str:
    """The URL with everything that may not stand in one percent-encoded; what is encoded already stays."""
    return url if _PLAIN.fullmatch(url) else quote(url, safe="/%:@!$&'()*+,;=-._~?[]")


def _encoded(headers: Sequence[Header]) -> list[tuple[bytes, bytes]]:
    return [
        (name.encode("latin-1"), value.encode("latin-1", "replace"))
        for name, value in headers
        if name.lower() not in _OURS
    ]


def _translated(error: Exception, *, late: bool) -> WireError:
    """The transport names any broken connection a ConnectTimeout; its cause tells whether anything was sent.

    `late`: it came later than a connection's own limit would have ended it.
    """
    cause = error.__cause__ or error
    if isinstance(cause, _NOT_SENT):
        return WireError("connect", str(cause), fair=not late)
    if isinstance(cause, _BROKEN):
        return WireError("reset", str(cause) or type(cause).__name__)
    return WireError("bad-answer", str(cause) or type(cause).__name__)
