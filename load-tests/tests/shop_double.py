"""A scripted HTTP server in a thread of its own: it answers as told and remembers what it was asked."""

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as the server saw it, header names in lower case; `peer` is the caller's address and port."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Any
    at: float
    peer: tuple[str, int] = ("", 0)


@dataclass(frozen=True, slots=True)
class Told:
    """One answer; `after_s` is how long the server takes, `hangs_up` closes the connection unannounced afterwards."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    after_s: float = 0.0
    hangs_up: bool = False


def _json(content: bytes) -> Any:
    """None for what is none: hostile callers send that too."""
    try:
        return json.loads(content or b"null")
    except (ValueError, RecursionError):
        return None


class Double:
    """`answer` is asked for each request; `url` is where it listens."""

    def __init__(self, answer: Callable[[Asked], Told]) -> None:
        self.asked: list[Asked] = []
        self.answer = answer
        double = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one(self) -> None:
                length = int(self.headers.get("content-length", 0))
                content = self.rfile.read(length)
                names = {name.lower(): value for name, value in self.headers.items()}
                asked = Asked(
                    self.command,
                    self.path,
                    names,
                    _json(content),
                    time.monotonic(),
                    self.client_address,
                )
                double.asked.append(asked)
                told = double.answer(asked)
                time.sleep(told.after_s)
                content = json.dumps(told.body).encode()
                self.send_response(told.status)
                for name, value in {**told.headers, "Content-Length": str(len(content))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)
                if told.hangs_up:
                    self.close_connection = True

            do_GET = do_POST = do_PUT = do_DELETE = handle_one  # noqa: N815 (the library's names)

            def log_message(self, *_: object) -> None:
                """Silent."""

            def handle(self) -> None:
                with suppress(BrokenPipeError, ConnectionResetError):  # the client gave up
                    super().handle()

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    @contextmanager
    def running(self) -> Iterator["Double"]:
        thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()


Serve = Callable[..., Double]
"""Starts a double that gives these answers, or asks a function for them."""


def in_turn(*answers: Told) -> Callable[[Asked], Told]:
    """One after the other; the last for ever."""
    left = list(answers)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]
