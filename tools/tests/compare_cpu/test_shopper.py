"""What a shopper makes of each kind of response, of a real HTTP server that sends what it is asked to."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread

import pytest

from holdfast_tools.compare_cpu.crowd import Crowd
from holdfast_tools.compare_cpu.errors import RoundFailed
from holdfast_tools.compare_cpu.journeys import Call, Visit
from holdfast_tools.compare_cpu.shopper import Shopper

Reply = tuple[int, dict[str, str], bytes]
OK: Reply = (200, {}, b"{}")


class Server(ThreadingHTTPServer):
    """Sends `replies` in turn, then OK; `seen` are (method, path, source address, Authorization) of each request."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.replies: list[Reply] = []
        self.seen: list[tuple[str, str, str, str | None]] = []

    @property
    def gateway(self) -> tuple[str, int]:
        return ("127.0.0.1", self.server_address[1])


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def _reply(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        address = self.client_address[0]
        self.server.seen.append((self.command, self.path, address, self.headers["Authorization"]))
        token = f'{{"token": "of {address}"}}'.encode()
        status, headers, body = self.server.replies.pop(0) if self.server.replies else OK
        body = token if self.path == "/api/sessions" else body
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = _reply  # noqa: N815 - the names that http.server calls

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as made:
        thread = Thread(target=made.serve_forever, args=(0.05,))
        thread.start()
        yield made
        made.shutdown()
        thread.join()


GET = Call("GET", "/api/cart")


@pytest.mark.parametrize("status", [429, 503])
def test_what_asks_for_patience_is_waited_for_repeated_and_counted(status: int, server: Server) -> None:
    server.replies = [(status, {"Retry-After": "0"}, b"")] * 2
    with Shopper(server.gateway, "127.0.1.1", Event()) as shopper:
        assert shopper.call(GET) == b"{}"
        assert shopper.repeats == 2
    assert len(server.seen) == 3


def test_what_never_ends_to_ask_for_patience_fails_the_round(server: Server) -> None:
    server.replies = [(429, {"Retry-After": "0"}, b"")] * 100
    with Shopper(server.gateway, "127.0.1.1", Event()) as shopper, pytest.raises(RoundFailed, match="still 429"):
        shopper.call(GET)


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ((500, {}, b"oh"), "GET /api/cart: 500 oh"),
        ((202, {}, b""), "202"),
        ((404, {}, b""), "404"),
        ((304, {}, b""), "304"),
        ((200, {"Degraded": "projection-lag"}, b"{}"), "200 projection-lag"),
    ],
)
def test_any_other_status_and_a_degraded_response_fail_the_round(reply: Reply, said: str, server: Server) -> None:
    server.replies = [reply]
    with Shopper(server.gateway, "127.0.1.1", Event()) as shopper, pytest.raises(RoundFailed, match=said):
        shopper.call(GET)


def test_a_gateway_that_is_not_there_fails_the_round(server: Server) -> None:
    port = server.gateway[1]
    server.shutdown()
    server.server_close()
    with Shopper(("127.0.0.1", port), "127.0.1.1", Event()) as shopper, pytest.raises(RoundFailed, match="Refused"):
        shopper.call(GET)


def test_each_guest_has_an_address_and_a_token_and_sends_it_when_it_browses_too(server: Server) -> None:
    crowd = Crowd([server.gateway])
    visits = [Visit((GET,), (GET, GET), 2) for _ in range(5)]
    assert crowd.perform(crowd.prepare(visits)) == 0
    reads = [seen for seen in server.seen if seen[0] == "GET"]
    assert len(reads) == 15
    assert len({address for _, _, address, _ in reads}) == 5
    assert all(token == f"Bearer of {address}" for _, _, address, token in reads)
    assert [token for method, _, _, token in server.seen if method == "POST"] == [None] * 5


def test_a_new_session_is_opened_within_what_is_measured(server: Server) -> None:
    crowd = Crowd([server.gateway])
    guests = crowd.prepare([Visit((), (GET,), 1, new_session=True)])
    assert server.seen == []
    server.replies = [OK, (503, {"Retry-After": "0"}, b"")]
    assert crowd.perform(guests) == 1
    assert [path for _, path, _, _ in server.seen] == ["/api/sessions", "/api/cart", "/api/cart"]


def test_the_first_failure_ends_all_visits(server: Server) -> None:
    crowd = Crowd([server.gateway])
    guests = crowd.prepare(Visit((), (GET,) * 500, 500) for _ in range(10))
    server.replies = [(500, {}, b"")]
    with pytest.raises(RoundFailed, match="500"):
        crowd.perform(guests)
    assert len([seen for seen in server.seen if seen[0] == "GET"]) < 500
