"""A patient client of the public API: repeats what may be repeated, with the same key, at either gateway."""

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
import orjson
from httpx_aiohttp import AiohttpTransport

CALL_TIMEOUT_S: Final = 5.0
GIVE_UP_S: Final = 90.0
_WAIT_FLOOR_S: Final = 0.2
_REPEATABLE: Final = frozenset({429, 503, 504})


class ShopUnreachable(Exception):
    """No gateway gave a final answer within the time. `detail` says what the last one was."""

    def __init__(self, method: str, path: str, detail: str) -> None:
        super().__init__(f"{method} {path}: no final answer within {GIVE_UP_S:.0f} s ({detail})")


@dataclass(frozen=True, slots=True)
class Answer:
    """A final answer. `body` is the JSON, {} when there is none; `attempts` counts the calls it took."""

    status: int
    body: Any
    headers: Mapping[str, str]
    attempts: int

    @property
    def ok(self) -> bool:
        return self.status < 300

    @property
    def code(self) -> str:
        """The problem's stable word, "" for a good answer."""
        return "" if self.ok else str(self.body.get("code", self.status))


@dataclass(slots=True)
class Shop:
    """`urls` are the gateways; calls spread over them and move on when one is away.

    `give_up_s` is how long one call may be repeated; `calls` and `repeats` count what was sent.
    """

    urls: Sequence[str]
    give_up_s: float = GIVE_UP_S
    calls: int = 0
    repeats: int = 0
    _turn: int = 0
    _http: httpx.AsyncClient = field(init=False)

    def __post_init__(self) -> None:
        limits = httpx.Limits(max_connections=200, max_keepalive_connections=200, keepalive_expiry=4)
        self._http = httpx.AsyncClient(
            transport=AiohttpTransport(limits=limits), timeout=CALL_TIMEOUT_S, trust_env=False
        )

    async def __aenter__(self) -> "Shop":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def call(
        self,
        method: str,
        path: str,
        *,
        token: str | None = None,
        body: Any = None,
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One command or query, repeated until its answer is final. Raises ShopUnreachable.

        A command always carries a key (a new one unless given), so that its repeats act once.
        """
        sent = dict(headers or {})
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        if method != "GET":
            sent["Idempotency-Key"] = key or secrets.token_hex(16)
        if body is not None:
            sent["Content-Type"] = "application/json"
        content = None if body is None else orjson.dumps(body)
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + self.give_up_s
        attempts, last = 0, "never sent"
        while attempts == 0 or loop.time() < ends_at:
            attempts += 1
            url = self.urls[self._turn % len(self.urls)]
            self._turn += 1
            answer, last, wait_s = await self._once(method, url + path, content, sent)
            self.calls += 1
            if answer is not None:
                return Answer(answer.status_code, _json(answer), answer.headers, attempts)
            self.repeats += 1
            await asyncio.sleep(wait_s)
        raise ShopUnreachable(method, path, last)

    async def _once(
        self, method: str, url: str, content: bytes | None, headers: Mapping[str, str]
    ) -> tuple[httpx.Response | None, str, float]:
        """A final answer, or what was met instead and how long to wait (seconds)."""
        try:
            answer = await self._http.request(method, url, content=content, headers=headers)
        except httpx.TransportError as error:
            return None, f"{type(error).__name__}: {error}", _WAIT_FLOOR_S
        if answer.status_code in _REPEATABLE or (
            answer.status_code == 409 and _json(answer).get("code") == "request-in-progress"
        ):
            return None, str(answer.status_code), max(_WAIT_FLOOR_S, float(answer.headers.get("retry-after", "1")))
        return answer, "", 0.0


def _json(answer: httpx.Response) -> Any:
    try:
        return orjson.loads(answer.content) if answer.content else {}
    except orjson.JSONDecodeError:
        return {}
