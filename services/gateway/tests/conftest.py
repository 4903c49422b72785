"""A gateway served over real HTTP, and real small servers in the places of the services behind it."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache

import httpx
import orjson
import pytest
from aiohttp import web

from gateway.__main__ import KEEP_ALIVE_S
from gateway.bootstrap import build
from gateway.settings import GatewaySettings
from holdfast.service.app import make_server
from holdfast.service.keys import DEMO_PRIVATE_KEY
from holdfast.service.tokens import Role, TokenSigner

GUEST_ID = "0193f0a0-0000-7000-8000-000000000001"
ORDER_ID = "0193f0a0-0000-7000-8000-0000000000aa"


@dataclass(frozen=True)
class Received:
    """One request as a service behind the gateway saw it."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes


Answering = Callable[[Received], Awaitable[web.Response]]


def problem(status: int, code: str, **headers: str) -> web.Response:
    """An answer as the services give it in trouble."""
    body = {
        "type": f"urn:holdfast:problem:{code}",
        "title": code,
        "status": status,
        "detail": f"it is {code}",
        "instance": "/somewhere",
        "code": code,
        "request_id": "inner",
    }
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return web.Response(body=orjson.dumps(body), status=status, headers=named, content_type="application/problem+json")


class StandIn:
    """A service of the test's own: it records what it gets and answers as told. /healthz is answered apart, and so is
    /internal/revocations, with `ended`, or 503 if that is None."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.answers: list[Answering] = []
        self.healthy_after_s = 0.0
        self.ended: list[dict[str, object]] | None = []
        self.url = ""
        self._runner: web.AppRunner | None = None
        self.then(200, {"ok": True})

    def then(self, status: int, body: object = None, **headers: str) -> "StandIn":
        """Answer this from now on (header names with _ for -)."""
        content = body if isinstance(body, bytes) else orjson.dumps(body)
        named = {name.replace("_", "-"): value for name, value in headers.items()}

        async def answer(_request: Received) -> web.Response:
            return web.Response(body=content, status=status, headers=named, content_type="application/json")

        return self.then_do(answer)

    def then_problem(self, status: int, code: str, **headers: str) -> "StandIn":
        async def answer(_request: Received) -> web.Response:
            return problem(status, code, **headers)

        return self.then_do(answer)

    def then_hang(self, seconds: float = 5) -> "StandIn":
        async def answer(_request: Received) -> web.Response:
            await asyncio.sleep(seconds)
            return web.Response(body=b"{}")

        return self.then_do(answer)

    def then_do(self, answer: Answering) -> "StandIn":
        self.answers = [answer]
        return self

    async def start(self) -> "StandIn":
        app = web.Application(client_max_size=10 * 1024 * 1024)
        app.router.add_get("/healthz", self._healthy)
        app.router.add_get("/internal/revocations", self._revocations)
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        return self

    async def stop(self) -> None:
        """Gone: connections are refused from now on."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    @property
    def last(self) -> Received:
        return self.received[-1]

    async def _healthy(self, _request: web.Request) -> web.Response:
        await asyncio.sleep(self.healthy_after_s)
        return web.Response(body=b'{"service": "stand-in"}')

    async def _revocations(self, request: web.Request) -> web.Response:
        if self.ended is None:
            return problem(503, "dependency-unavailable")
        newer = [one for one in self.ended if int(str(one["number"])) > int(request.query["after"])]
        return web.Response(body=orjson.dumps({"items": newer, "more": False}), content_type="application/json")

    async def _answer(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        path, _, query = request.raw_path.partition("?")
        received = Received(request.method, path, query, headers, await request.read())
        self.received.append(received)
        return await self.answers[0](received)


@dataclass(frozen=True)
class Shop:
    """The gateway with its two services."""

    http: httpx.AsyncClient
    query: StandIn
    command: StandIn

    async def call(
        self, method: str, path: str, role: Role | None = None, *, subject: str | None = None, **request: object
    ) -> httpx.Response:
        """One call, by a fixed caller of this role or by `subject`."""
        headers = httpx.Headers(request.pop("headers", None))  # type: ignore[arg-type]
        if role is not None:
            own = token(role) if subject is None else token(role, subject)  # as other tests ask for it: tokens are kept
            headers["Authorization"] = f"Bearer {own}"
        return await self.http.request(method, path, headers=headers, **request)  # type: ignore[arg-type]


_SIGNER = TokenSigner(DEMO_PRIVATE_KEY)


@cache
def token(role: Role = "guest", subject: str = GUEST_ID) -> str:
    """One for each caller, as a shopper has: what is counted by token is counted over the second's end."""
    return _SIGNER.sign(subject, role, datetime.now(UTC) - timedelta(minutes=1))[0]


async def serve_gateway(stack: AsyncExitStack, settings: GatewaySettings) -> httpx.AsyncClient:
    """A client of a gateway that runs until the stack closes."""
    # With its protocol named, or asyncio leaves Nagle's algorithm on and every answer takes 40 ms.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.bind(("127.0.0.1", 0))
    app = build(settings)
    server = make_server(app, settings, keep_alive_s=KEEP_ALIVE_S)
    server.config.timeout_graceful_shutdown = 1
    task = asyncio.create_task(server.serve([listening]))

    async def stop() -> None:
        server.should_exit = True
        await task

    stack.push_async_callback(stop)
    while not server.started:  # noqa: ASYNC110  # uvicorn has no event for it
        await asyncio.sleep(0.005)
    with suppress(TimeoutError):  # a test may have no command-service
        async with asyncio.timeout(0.3):
            while not app.state.verifier.ended.known:  # noqa: ASYNC110
                await asyncio.sleep(0.005)
    base = f"http://127.0.0.1:{listening.getsockname()[1]}"
    return await stack.enter_async_context(httpx.AsyncClient(base_url=base, timeout=5, trust_env=False))


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as made:
        yield made


async def start_standin(stack: AsyncExitStack) -> StandIn:
    standin = await StandIn().start()
    stack.push_async_callback(standin.stop)
    return standin


async def open_shop(stack: AsyncExitStack, **settings: object) -> Shop:
    """A gateway with one replica of each service, and these settings; reads at its start would be in the way."""
    query, command = await start_standin(stack), await start_standin(stack)
    usual = {"query_urls": query.url, "command_urls": command.url, "warm_cache": False}
    http = await serve_gateway(stack, GatewaySettings(**(usual | settings)))  # type: ignore[arg-type]
    return Shop(http, query, command)


@pytest.fixture
async def shop(stack: AsyncExitStack) -> Shop:
    return await open_shop(stack)


class Kit:
    """What tests take from here; imported as a fixture, since test folders are no packages."""

    GUEST_ID = GUEST_ID
    ORDER_ID = ORDER_ID
    token = staticmethod(token)
    open_shop = staticmethod(open_shop)
    serve_gateway = staticmethod(serve_gateway)
    start_standin = staticmethod(start_standin)
    problem = staticmethod(problem)

    @staticmethod
    def answer(body: object, headers: dict[str, str] | None = None, status: int = 200) -> web.Response:
        return web.Response(body=orjson.dumps(body), status=status, headers=headers, content_type="application/json")


@pytest.fixture(scope="session")
def kit() -> type[Kit]:
    return Kit
