"""Asking a process on a loopback port whether it serves; each answer comes within about a second."""

import http.client
import socket
import struct
from dataclasses import dataclass

_HOST = "127.0.0.1"
_TIMEOUT_S = 1.0


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and body of an HTTP answer."""

    status: int
    body: bytes


def get(port: int, path: str) -> Answer | None:
    """One GET; None when nobody answers."""
    connection = http.client.HTTPConnection(_HOST, port, timeout=_TIMEOUT_S)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return Answer(answer.status, answer.read())
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def service_ready(port: int) -> bool:
    """Whether a service of the shop says that it can serve."""
    answer = get(port, "/readyz")
    return answer is not None and answer.status == http.client.OK


def answers_search(port: int) -> bool:
    """Whether a gateway or a query-service answers a search."""
    answer = get(port, "/api/products?limit=1")
    return answer is not None and answer.status == http.client.OK


def elasticsearch_ready(port: int) -> bool:
    """Whether the cluster has a master and its primary shards."""
    answer = get(port, "/_cluster/health")
    return answer is not None and answer.status == http.client.OK and b'"status":"red"' not in answer.body


def kafka_ready(port: int) -> bool:
    """Sends ApiVersions (key 18, version 0, correlation 1, no client id) and waits for the answer's length."""
    return len(_exchange(port, struct.pack(">ihhih", 10, 18, 0, 1, -1), 4)) == 4


def postgres_ready(port: int, user: str, database: str) -> bool:
    """Begins a session: a server that still starts up or recovers answers with an error instead of authentication."""
    body = struct.pack(">i", 3 << 16) + f"user\0{user}\0database\0{database}\0\0".encode()
    return _exchange(port, struct.pack(">i", len(body) + 4) + body, 1) == b"R"


def _exchange(port: int, request: bytes, answer_bytes: int) -> bytes:
    try:
        with socket.create_connection((_HOST, port), timeout=_TIMEOUT_S) as connection:
            connection.settimeout(_TIMEOUT_S)
            connection.sendall(request)
            return connection.recv(answer_bytes, socket.MSG_WAITALL)
    except OSError:
        return b""
