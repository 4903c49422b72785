"""Raw sockets against `bounded_server.py`: what was sent byte by byte, what came back, and when."""

import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HOST = b"Host: shop\r\n"


@dataclass(frozen=True)
class Answer:
    """One response; `closed` whether the connection ended right behind it."""

    status: int
    headers: dict[str, str]
    body: bytes
    closed: bool

    def json(self) -> Any:
        return json.loads(self.body)


class Connection:
    """One connection, read answer by answer."""

    def __init__(self, made: socket.socket) -> None:
        self.socket = made
        self._read = b""

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        """All of it, also to a server that has stopped to listen."""
        with suppress(BrokenPipeError, ConnectionResetError):
            self.socket.sendall(data)

    def read(self, method: str = "GET") -> Answer:
        """The next answer. Raises EOFError when there is none, ConnectionResetError when it was destroyed."""
        while b"\r\n\r\n" not in self._read:
            self._receive()
        head, _, self._read = self._read.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        status = int(first.split()[1])
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        length = 0 if method == "HEAD" or status in (100, 204) else int(headers["content-length"])
        while len(self._read) < length:
            self._receive()
        body, self._read = self._read[:length], self._read[length:]
        closed = headers.get("connection") == "close" and not self._read and self.socket.recv(1) == b""
        return Answer(status, headers, body, closed)

    def ended_after_s(self) -> float:
        """Seconds until the server closed the connection, on which nothing comes."""
        began = time.monotonic()
        assert self.socket.recv(1) == b""
        return time.monotonic() - began

    def _receive(self) -> None:
        data = self.socket.recv(65536)
        if not data:
            raise EOFError
        self._read += data


class Server:
    """The process and its port."""

    def __init__(self, process: "subprocess.Popen[bytes]", port: int) -> None:
        self.process = process
        self.port = port

    def connect(self, source: str = "127.0.0.1", timeout_s: float = 15) -> "Connection":
        made = socket.create_connection(("127.0.0.1", self.port), timeout=timeout_s, source_address=(source, 0))
        return Connection(made)

    def call(self, *parts: bytes) -> Answer:
        """One connection, its first answer."""
        with self.connect() as connection:
            for part in parts:
                connection.send(part)
            return connection.read()

    def get(self, path: str) -> Answer:
        return self.call(b"GET %s HTTP/1.1\r\n%sConnection: close\r\n\r\n" % (path.encode(), HOST))

    def metric(self, name: str) -> float:
        lines = re.findall(rf"^{re.escape(name)} (\S+)$", self.get("/metrics").body.decode(), re.MULTILINE)
        return float(lines[0]) if lines else 0.0

    @property
    def memory_bytes(self) -> int:
        """Resident memory of the process."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.findall(r"VmRSS:\s+(\d+)", status)[0]) * 1024

    @property
    def cpu_s(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def serving(keep_alive_s: float = 5, **settings: object) -> Iterator[Server]:
    """A server with these settings. Nothing but debug and info lines may be in its log at its end."""
    settings = {"refusal_rate_burst": 1_000_000} | settings
    environment = {name.upper(): str(value) for name, value in settings.items()}
    with tempfile.TemporaryFile("w+") as log:  # no pipe: it would fill up, and hold the server up
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listening:
            listening.bind(("127.0.0.1", 0))
            listening.listen(1000)
            port, descriptor = listening.getsockname()[1], listening.fileno()
            process = subprocess.Popen(
                [
                    sys.executable,
                    str(Path(__file__).with_name("bounded_server.py")),
                    str(keep_alive_s),
                    str(descriptor),
                ],
                env=os.environ | environment | {"PORT": "1", "LOG_LEVEL": "debug"},
                pass_fds=[descriptor],
                stdout=log,
                stderr=log,
            )
        server = Server(process, port)
        try:
            with server.connect(timeout_s=60) as first:  # until it has started
                first.send(b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n")
                assert first.read().status == 200
            yield server
        finally:
            process.terminate()
            process.wait(timeout=15)
            log.seek(0)
            lines = log.read().splitlines()
    levels = {json.loads(line)["level"] if line.startswith("{") else line for line in lines}
    assert levels <= {"debug", "info"}, [line for line in lines if '"level":"debug"' not in line][:20]
