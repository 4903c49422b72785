"""How long a connection may wait, how many there may be, and what a slow reader gets, over raw sockets.

Times are shortened by settings, but for the test that holds the defaults.
"""

import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from prometheus_client import CollectorRegistry
from raw_http import HOST, Connection, Server, serving

from holdfast.resilience.settings import RateSettings
from holdfast.service.connections import ConnectionLimits, ConnectionTable

HEAD_S, KEEP_ALIVE_S, WRITE_S = 1.2, 0.8, 1.0
GET = b"GET /echo HTTP/1.1\r\n" + HOST + b"\r\n"


@pytest.fixture(scope="module")
def quick() -> Iterator[Server]:
    with serving(KEEP_ALIVE_S, head_timeout_s=HEAD_S, write_timeout_s=WRITE_S) as made:
        yield made


@pytest.fixture(scope="module")
def small() -> Iterator[Server]:
    with serving(60, max_connections=20, max_connections_per_address=8) as made:
        yield made


def closed(server: Server, reason: str) -> float:
    return server.metric(f'http_connections_closed_total{{reason="{reason}"}}')


def test_a_connection_that_sends_nothing_is_closed_without_a_word(quick: Server) -> None:
    before = closed(quick, "silent")
    with quick.connect() as connection:
        assert HEAD_S * 0.7 < connection.ended_after_s() < HEAD_S * 1.5
    assert closed(quick, "silent") == before + 1


def test_half_a_head_gets_408_at_its_deadline(quick: Server) -> None:
    with quick.connect() as connection:
        connection.send(GET[:-2])
        began = time.monotonic()
        answer = connection.read()
        assert HEAD_S * 0.7 < time.monotonic() - began < HEAD_S * 1.5
    assert (answer.status, answer.json()["code"], answer.closed) == (408, "request-timeout", True)


@pytest.mark.parametrize("trickled", [b"A", b"A: b\r\n"])
def test_trickled_bytes_extend_no_head(quick: Server, trickled: bytes) -> None:
    with quick.connect() as connection:
        began = time.monotonic()
        connection.send(GET[:-2])
        connection.socket.settimeout(0.1)
        while time.monotonic() - began < 4 * HEAD_S:
            connection.send(trickled)
            try:
                assert connection.read().status == 408
                break
            except TimeoutError:
                pass
        assert HEAD_S * 0.7 < time.monotonic() - began < HEAD_S * 1.5


@pytest.mark.parametrize("trickled", [b"\r\n", b"G"])
def test_neither_do_they_extend_a_connection_between_requests(quick: Server, trickled: bytes) -> None:
    """Empty lines before a request are allowed (RFC 9112, 2.2) but are no request; a first byte begins one."""
    with quick.connect() as connection:
        connection.send(GET)
        assert connection.read().status == 200
        began = time.monotonic()
        connection.socket.settimeout(0.1)
        try:
            for sent in iter(lambda: trickled if trickled == b"\r\n" or time.monotonic() - began < 0.05 else b"", None):
                assert time.monotonic() - began < 3 * (HEAD_S + KEEP_ALIVE_S)
                connection.socket.sendall(sent)
                try:
                    assert connection.read().status == 408
                    break
                except TimeoutError:
                    pass
        except (EOFError, ConnectionResetError, BrokenPipeError):
            pass
        assert time.monotonic() - began < (HEAD_S + KEEP_ALIVE_S) * 1.4


def test_an_idle_connection_is_closed_within_its_keep_alive(quick: Server) -> None:
    with quick.connect() as connection:
        for _ in range(3):
            connection.send(GET)
            assert connection.read().status == 200
            time.sleep(KEEP_ALIVE_S * 0.6)  # each request begins it anew
        connection.send(GET)
        assert connection.read().status == 200
        assert KEEP_ALIVE_S * 0.6 < connection.ended_after_s() < KEEP_ALIVE_S * 1.5


def test_a_request_may_take_longer_than_any_of_these(quick: Server) -> None:
    with quick.connect() as connection:
        connection.send(GET.replace(b"/echo", b"/slow/2500"))
        assert connection.read().body == b"slow 2500"


def test_a_short_body_that_never_comes_after_an_early_answer_ends_the_connection(quick: Server) -> None:
    with quick.connect() as connection:
        connection.send(b"POST /refused HTTP/1.1\r\n" + HOST + b"Content-Length: 9\r\n\r\n")
        assert connection.read().status == 401
        connection.send(b"x")
        assert connection.ended_after_s() < HEAD_S * 1.5


@pytest.mark.parametrize("path", [b"/large/30000000", b"/stream/30000000"])
def test_who_does_not_read_holds_no_answer(quick: Server, path: bytes) -> None:
    before, memory = closed(quick, "slow-reader"), quick.memory_bytes
    with quick.connect() as connection:
        connection.send(GET.replace(b"/echo", path))
        began = time.monotonic()
        while closed(quick, "slow-reader") == before:
            assert time.monotonic() - began < WRITE_S * 4
            time.sleep(0.1)
        assert time.monotonic() - began > WRITE_S * 0.7
    assert quick.memory_bytes - memory < 10_000_000


def test_who_reads_slowly_gets_the_whole_answer(quick: Server) -> None:
    with quick.connect() as connection:
        connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        connection.send(GET.replace(b"/echo", b"/large/8000000"))
        count, began = 0, time.monotonic()
        while count < 8_000_000:
            data = connection.socket.recv(100_000)
            assert data
            count += len(data)
            time.sleep(0.03)
        assert time.monotonic() - began > 2 * WRITE_S


def test_who_trickles_an_answer_in_is_not_waited_for(quick: Server) -> None:
    before = closed(quick, "slow-reader")
    with quick.connect() as connection:
        connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.send(GET.replace(b"/echo", b"/large/8000000"))
        began = time.monotonic()
        while closed(quick, "slow-reader") == before:
            assert time.monotonic() - began < WRITE_S * 4
            connection.socket.recv(10)
            time.sleep(0.05)


def test_a_process_that_stood_still_counts_none_of_that_time(quick: Server) -> None:
    """What was sent meanwhile waited in the network, and is read before any deadline is over."""
    with quick.connect() as half, quick.connect() as idle:
        idle.send(GET)
        assert idle.read().status == 200
        half.send(GET[:-2])
        time.sleep(0.2)
        os.kill(quick.process.pid, signal.SIGSTOP)
        try:
            time.sleep(2 * HEAD_S)
            half.send(b"\r\n")
            idle.send(GET)
        finally:
            os.kill(quick.process.pid, signal.SIGCONT)
        assert (half.read().status, idle.read().status) == (200, 200)


def test_the_defaults() -> None:
    """10 s for a head, 5 s for a connection between requests: the real ones, at once."""
    with serving() as server, server.connect() as silent, server.connect() as half, server.connect() as idle:
        began = time.monotonic()
        half.send(GET[:-2])
        idle.send(GET)
        assert idle.read().status == 200
        assert 4 < idle.ended_after_s() < 6.5
        assert half.read().status == 408
        assert 9 < time.monotonic() - began < 11.5
        silent.ended_after_s()
        assert time.monotonic() - began < 12


def opened(stack: ExitStack, server: Server, count: int, source: str = "127.0.0.1") -> list[Connection]:
    return [stack.enter_context(server.connect(source)) for _ in range(count)]


def get(connection: Connection, path: bytes = b"/echo") -> int:
    connection.send(GET.replace(b"/echo", path))
    return connection.read().status


def settle(server: Server) -> None:
    """Wait until no connection of an earlier test is left."""
    deadline = time.monotonic() + 10
    while server.metric("http_connections") > 1:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_an_address_at_its_bound_is_told_so_and_the_others_are_served(small: Server) -> None:
    settle(small)
    with ExitStack() as stack:
        for connection in opened(stack, small, 8, "127.0.0.2"):
            connection.send(GET.replace(b"/echo", b"/slow/3000"))
        for _ in range(3):
            with small.connect("127.0.0.2") as one_more:
                answer = one_more.read()  # at once, before anything is sent
            assert (answer.status, answer.json()["code"], answer.closed) == (503, "overloaded", True)
            assert 1 <= int(answer.headers["retry-after"]) <= 3
        assert get(opened(stack, small, 1, "127.0.0.3")[0]) == 200
        assert closed(small, "address-full") == 3


def test_a_refusal_survives_a_request_that_is_on_its_way(small: Server) -> None:
    settle(small)
    with ExitStack() as stack:
        for connection in opened(stack, small, 8, "127.0.0.2"):
            connection.send(GET.replace(b"/echo", b"/slow/2000"))
        with small.connect("127.0.0.2") as one_more:
            one_more.send(b"POST /echo HTTP/1.1\r\n" + HOST + b"Content-Length: 1000000\r\n\r\n" + bytes(1_000_000))
            assert one_more.read().status == 503


def test_an_idle_connection_gives_way_the_one_that_waited_longest_first(small: Server) -> None:
    settle(small)
    before = closed(small, "evicted")
    with ExitStack() as stack:
        first, *others = opened(stack, small, 8, "127.0.0.2")
        for connection in (first, *others):
            assert get(connection) == 200
        time.sleep(0.7)
        for connection in others:
            assert get(connection) == 200
        time.sleep(1.6)
        newcomer = opened(stack, small, 1, "127.0.0.2")[0]
        assert get(newcomer) == 200
        assert first.ended_after_s() < 1
        assert [get(connection) for connection in others] == [200] * 7
        assert closed(small, "evicted") == before + 1


def test_half_a_head_gives_way_too_when_the_process_is_full(small: Server) -> None:
    settle(small)
    with ExitStack() as stack:
        for address in ("127.0.0.2", "127.0.0.3", "127.0.0.4"):
            for connection in opened(stack, small, 7 if address != "127.0.0.4" else 6, address):
                connection.send(GET[:-2])
        time.sleep(1.6)
        newcomers = opened(stack, small, 8, "127.0.0.9")
        assert [get(connection) for connection in newcomers] == [200] * 8


def test_a_full_process_with_nothing_idle_refuses(small: Server) -> None:
    settle(small)
    with ExitStack() as stack:
        for address in ("127.0.0.2", "127.0.0.3", "127.0.0.4"):
            for connection in opened(stack, small, 7 if address != "127.0.0.4" else 6, address):
                connection.send(GET.replace(b"/echo", b"/slow/3000"))
        with small.connect("127.0.0.9") as one_more:
            answer = one_more.read()
        assert (answer.status, answer.json()["code"]) == (503, "overloaded")
    settle(small)
    assert closed(small, "process-full") == 1


def test_a_flood_of_connections_costs_no_files(small: Server) -> None:
    """Beside those that are open at most 100 refused ones are waited for; further ones are closed without an answer."""
    settle(small)
    files = len(os.listdir(f"/proc/{small.process.pid}/fd"))
    with ExitStack() as stack:
        for connection in opened(stack, small, 8, "127.0.0.2"):
            connection.send(GET.replace(b"/echo", b"/slow/4000"))
        opened(stack, small, 300, "127.0.0.2")
        time.sleep(0.5)
        assert len(os.listdir(f"/proc/{small.process.pid}/fd")) - files <= 8 + 100
        assert small.get("/echo").status == 200


def test_a_thousand_connections_with_half_a_head_each_cost_little() -> None:
    with serving(max_connections=1100) as server, ExitStack() as stack:
        memory = server.memory_bytes
        half = b"GET /echo HTTP/1.1\r\n" + HOST + b"A: " + b"a" * 30_000
        for address in range(10):
            for connection in opened(stack, server, 100, f"127.0.1.{address}"):
                connection.send(half)
        time.sleep(0.5)
        assert server.metric("http_connections") == 1001
        assert server.memory_bytes - memory < 1000 * 60_000
        assert server.get("/echo").status == 200


@pytest.mark.timing("connections that close within 0.5 s")
def test_a_server_that_is_told_to_end_does() -> None:
    """Idle connections and half heads end at once, what is under way is finished within 3 s, none comes in."""
    with serving(60) as server, ExitStack() as stack:
        idle, half, busy, uploading = opened(stack, server, 4)
        assert get(idle) == 200
        half.send(GET[:-2])
        busy.send(GET.replace(b"/echo", b"/slow/1500"))
        uploading.send(b"POST /refused HTTP/1.1\r\n" + HOST + b"Content-Length: 9000000\r\n\r\n")
        assert uploading.read().status == 401
        time.sleep(0.3)
        began = time.monotonic()
        server.process.terminate()
        assert idle.ended_after_s() < 0.5
        assert half.ended_after_s() < 0.5
        answer = busy.read()
        assert (answer.body, answer.headers["connection"]) == (b"slow 1500", "close")
        with pytest.raises(ConnectionRefusedError):
            server.connect()
        assert server.process.wait(timeout=5) == 0
        assert time.monotonic() - began < 3.5


LONG = b"GET /" + b"a" * 9_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n"


def _timed(server: Server, data: bytes, source: str = "127.0.0.1") -> tuple[int, float]:
    """The status of one call over a connection of its own, and its seconds."""
    begun = time.monotonic()
    with server.connect(source) as connection:
        connection.send(data)
        return connection.read().status, time.monotonic() - begun


def test_refusals_of_an_address_that_goes_on_are_held_back() -> None:
    with serving(refusal_rate_per_s=0.01, refusal_rate_burst=3) as server:
        for _ in range(3):
            status, took_s = _timed(server, LONG)
            assert status == 414
            assert took_s < 1
        for wrong, expected in ((LONG, 414), (b"GET / HTTP/1.1\r\n: x\r\n\r\n", 400)):
            status, took_s = _timed(server, wrong)
            assert status == expected
            assert 2.9 < took_s < 8
        status, took_s = _timed(server, b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n")
        assert (status, took_s < 1) == (200, True)
        status, took_s = _timed(server, LONG, "127.0.0.2")
        assert (status, took_s < 1) == (414, True)


def test_refusals_that_were_held_back_together_do_not_come_together() -> None:
    """Hundreds of callers who all come back at once hold the process up for a tenth of a second."""
    with serving(refusal_rate_per_s=0.01, refusal_rate_burst=1) as server, ThreadPoolExecutor(12) as threads:
        _timed(server, LONG)
        took_s = sorted(took_s for _, took_s in threads.map(lambda _: _timed(server, LONG), range(12)))
    assert took_s[-1] - took_s[0] > 0.8
    assert took_s[-1] < 8


def test_without_rate_limits_no_refusal_is_held_back(switch_off: Callable[..., None]) -> None:
    table = ConnectionTable(ConnectionLimits(1, 1, 1, 1, 1, RateSettings(per_s=0.01, burst=1)), CollectorRegistry())
    assert [table.holds_back("192.0.2.1") for _ in range(3)] == [False, True, True]
    switch_off("rate-limit")
    assert not table.holds_back("192.0.2.1")


def test_a_caller_that_leaves_while_its_refusal_is_held_back_is_forgotten() -> None:
    with serving(refusal_rate_per_s=0.01, refusal_rate_burst=1) as server, ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(server.connect()).send(LONG)
        time.sleep(0.3)
        assert server.metric("http_connections") > 15
        stack.close()
        time.sleep(0.5)
        assert server.metric("http_connections") == 1


def test_held_refusals_give_way_to_new_connections() -> None:
    with serving(refusal_rate_per_s=0.01, refusal_rate_burst=1, max_connections=8) as server, ExitStack() as stack:
        for _ in range(8):
            stack.enter_context(server.connect()).send(LONG)
        time.sleep(1.7)  # they have waited for a second, and would for three more
        assert server.get("/healthz").status == 200
