"""Real servers on loopback for the client's tests: a scripted one in the test's loop, and whole processes."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass

import psutil
import pytest


@dataclass(frozen=True, slots=True)
class Seen:
    """A request as it arrived."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


class Cut(Exception):
    """Break the connection with a reset, after sending `first`."""

    def __init__(self, first: bytes = b"") -> None:
        self.first = first


def reply(status: int = 200, body: bytes = b"{}", **headers: str) -> bytes:
    """A whole HTTP/1.1 answer; underscores in header names stand for dashes."""
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


Answering = Callable[[Seen], Awaitable[bytes]]


class Scripted:
    """An HTTP/1.1 server whose answers the test writes. Probes are answered by themselves while `alive`."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.probes = 0
        self.alive = True
        self.connections = 0
        self.answer: Answering = self._fine
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._serving: set[asyncio.Task[None]] = set()

    async def _fine(self, seen: Seen) -> bytes:
        return reply()

    def always(self, status: int = 200, body: bytes = b"{}", **headers: str) -> None:
        async def answer(seen: Seen) -> bytes:
            return reply(status, body, **headers)

        self.answer = answer

    async def start(self, port: int = 0) -> None:
        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.create_task(self._serve(reader, writer))
            self._serving.add(task)
            task.add_done_callback(self._serving.discard)

        self._server = await asyncio.start_server(accept, "127.0.0.1", port)

    @property
    def port(self) -> int:
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            for writer in tuple(self._writers):
                writer.transport.abort()
            for task in self._serving:
                task.cancel()
            if self._serving:
                await asyncio.wait(self._serving)
            self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        try:
            while True:
                seen = await _read(reader)
                writer.write(await self._answered(seen))
                await writer.drain()
        except Cut as cut:
            writer.write(cut.first)
            with contextlib.suppress(ConnectionError):
                await writer.drain()
            await asyncio.sleep(0.02)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._writers.discard(writer)
            writer.transport.abort()

    async def _answered(self, seen: Seen) -> bytes:
        if seen.target != "/healthz":
            self.seen.append(seen)
            return await self.answer(seen)
        self.probes += 1
        if not self.alive:
            await asyncio.sleep(30)
        return reply()


async def _read(reader: asyncio.StreamReader) -> Seen:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, target, _ = head[0].split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:-2])}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Seen(method, target, headers, body)


@pytest.fixture
async def server() -> AsyncIterator[Scripted]:
    scripted = Scripted()
    await scripted.start()
    yield scripted
    await scripted.stop()


@pytest.fixture
async def other_server() -> AsyncIterator[Scripted]:
    scripted = Scripted()
    await scripted.start()
    yield scripted
    await scripted.stop()


@pytest.fixture
def full_backlog() -> Iterator[str]:
    """The URL of a listener that takes no more connections: who tries hangs, as with a machine that is gone."""
    with contextlib.ExitStack() as held:
        listener = held.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        port = listener.getsockname()[1]
        held.enter_context(socket.create_connection(("127.0.0.1", port)))
        yield f"http://127.0.0.1:{port}"


_PROCESS = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")
    do_POST = do_GET
    def log_message(self, *_): pass
class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    def handle_error(self, *_): pass  # clients hang up
server = Server(("127.0.0.1", int(sys.argv[1])), Handler)
print(server.server_port, flush=True)
server.serve_forever()
"""


class ServerProcess:
    """A server that can be killed and paused like a real replica."""

    def __init__(self) -> None:
        self.port = 0
        self._process: subprocess.Popen[str] | None = None
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-c", _PROCESS, str(self.port)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        os.kill(self._process.pid, number)
        if number is signal.SIGSTOP:
            while psutil.Process(self._process.pid).status() != psutil.STATUS_STOPPED:
                pass

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            assert self._process.stdout is not None
            self._process.stdout.close()
            self._process = None


@pytest.fixture
def processes() -> Iterator[list[ServerProcess]]:
    """Two server processes."""
    both = [ServerProcess(), ServerProcess()]
    yield both
    for process in both:
        process.kill()


@pytest.fixture
def http_reply() -> Callable[..., bytes]:
    return reply


@pytest.fixture
def cut() -> type[Cut]:
    return Cut
