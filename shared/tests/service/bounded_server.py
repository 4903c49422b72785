"""A server of its own process, as services are, for tests that speak to it over raw sockets.

`python bounded_server.py KEEP_ALIVE_S FD` serves on the listening socket FD until SIGTERM. Settings are environment
variables.
"""

import asyncio
import socket
import sys
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from holdfast.service.app import create_app, run, serve
from holdfast.service.settings import ServiceSettings, load

router = APIRouter()


@router.api_route("/echo", methods=["GET", "POST", "HEAD"])
@router.get("/")
async def echo(request: Request) -> dict[str, Any]:
    scope = request.scope
    return {
        "method": scope["method"],
        "path": scope["path"],
        "raw_path": scope["raw_path"].decode(),
        "query": scope["query_string"].decode(),
        "client": scope["client"][0],
        "scheme": scope["scheme"],
        "headers": {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]},
        "body": (await request.body()).decode() if scope["method"] == "POST" else None,
    }


@router.get("/slow/{ms}")
async def slow(ms: int) -> Response:
    await asyncio.sleep(ms / 1000)
    return Response(f"slow {ms}")


@router.get("/large/{size}")
async def large(size: int) -> Response:
    return Response(b"x" * size)


@router.get("/stream/{size}")
async def stream(size: int) -> StreamingResponse:
    async def parts() -> Any:
        for _ in range(size // 10_000):
            yield b"x" * 10_000

    return StreamingResponse(parts())


class Refusing:
    """Answers /refused without reading a body, as a refusal before the body does, and /unread after a second."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] in ("/refused", "/unread"):
            await asyncio.sleep(scope["path"] == "/unread")
            await Response(b"refused", 401)(scope, receive, send)
        else:
            await self._app(scope, receive, send)


async def _main(settings: ServiceSettings, keep_alive_s: float, listening: socket.socket) -> int:
    app = create_app("test", settings, routers=[router], total_s=lambda _method, _path: 20, callers=None)
    app.add_middleware(Refusing)
    await serve(app, settings, keep_alive_s=keep_alive_s, sockets=[listening])
    return 0


if __name__ == "__main__":
    loaded, (keep_alive, descriptor) = load(ServiceSettings), sys.argv[1:]
    sys.exit(run("test", loaded, _main(loaded, float(keep_alive), socket.socket(fileno=int(descriptor)))))
