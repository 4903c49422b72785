"""One HTTP exchange with one replica: httpx's request over httpx-aiohttp's transport, and nothing around it.

The transport is used without httpx's client: no redirects, cookies, proxies, default headers or retries can happen. And
nothing on the way rewrites the target: what was validated is what is sent, or the request is refused.
"""

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any
from urllib.parse import quote

import aiohttp
import httpx
import yarl
from httpx_aiohttp import AiohttpTransport

from holdfast.resilience.errors import Reason, Unsendable
from holdfast.resilience.outcome import SUCCESS, Outcome
from holdfast.resilience.protections import NAIVE_TIMEOUT_S, PROTECTIONS

Header = tuple[str, str]

_OURS = frozenset({"host", "content-length", "connection", "transfer-encoding", "keep-alive", "te", "upgrade"})
_PLAIN = re.compile(r"[A-Za-z0-9/%:@!$&'()*+,;=\-._~?]*")
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")  # a tab may stand in a header's value
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

    Who chose the replica notes it, as host:port, which attempt it came to, and how it counts.
    """

    status: int
    headers: httpx.Headers
    body: bytes
    replica: str = ""
    attempts: int = 1
    outcome: Outcome = SUCCESS


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
        """Send and read the whole answer. Unbounded in time: the caller's deadline cancels it.

        `url` is `http://host:port` and the target, which begins with a slash. Raises Unsendable before anything is
        sent, else WireError.
        """
        timeout = self._timeout if PROTECTIONS.on else _NAIVE_TIMEOUT
        begun_s = time.monotonic()
        request = _request(method, url, headers, content, timeout)
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
        # yarl decodes `%2e` and then drops the dot segments, unless it is told that the URL is encoded already. The
        # transport hands aiohttp a string, so only here can that be said; a test reads the targets that arrive.
        session._build_url = partial(yarl.URL, encoded=True)  # type: ignore[method-assign]
        return session


def _request(
    method: str, url: str, headers: Sequence[Header], content: bytes, timeout: dict[str, Any]
) -> httpx.Request:
    """Raises Unsendable for what the libraries refuse to write, or would write in another form."""
    try:
        _require_token(method)
        plain = _plain(url)
        request = httpx.Request(method, plain, headers=_encoded(headers), content=content, extensions=timeout)
        target = plain[plain.index("/", len("http://")) :]
        if request.url.raw_path != target.encode("ascii") or target[-1] == "?":
            raise ValueError("its path would be changed on the way")  # dot segments, an empty query
    except (httpx.InvalidURL, ValueError) as error:  # a UnicodeError is a ValueError
        raise Unsendable(str(error)) from error
    return request


def _plain(url: str) -> str:
    """The URL with everything that may not stand in one percent-encoded; what is encoded already stays."""
    return url if _PLAIN.fullmatch(url) else quote(url, safe="/%:@!$&'()*+,;=-._~?[]")


def _encoded(headers: Sequence[Header]) -> list[tuple[bytes, bytes]]:
    encoded = []
    for name, value in headers:
        if not value.isprintable() and _CONTROL.search(value):
            raise ValueError(f"the value of {name} has a control character")
        sent_name = _sent_name(name)
        if sent_name is not None:
            encoded.append((sent_name, value.encode("latin-1")))
    return encoded


@lru_cache(maxsize=256)  # methods and names of headers are this system's own, and few
def _require_token(text: str) -> None:
    if not _TOKEN.fullmatch(text):
        raise ValueError(f"{text[:40]!r} is no token")


@lru_cache(maxsize=256)
def _sent_name(name: str) -> bytes | None:
    """A header's name as it is sent, None for those that this module sets itself. Raises ValueError."""
    _require_token(name)
    return None if name.lower() in _OURS else name.encode("ascii")


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
