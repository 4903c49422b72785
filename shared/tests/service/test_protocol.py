"""What is refused before it is a request, over raw sockets to a server process. Times: test_connections.py."""

import random
from collections.abc import Iterator

import pytest
from raw_http import HOST, Answer, Server, serving

JSON = b"Content-Type: application/json\r\n"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving() as made:
        yield made


def assert_problem(answer: Answer, status: int, code: str) -> None:
    assert (answer.status, answer.headers["content-type"]) == (status, "application/problem+json")
    problem = answer.json()
    assert problem.keys() == {"type", "title", "status", "detail", "instance", "code", "request_id"}
    assert (problem["status"], problem["code"], problem["type"]) == (status, code, f"urn:holdfast:problem:{code}")
    assert problem["request_id"] == answer.headers["x-request-id"] != ""
    assert answer.closed


def get(target: bytes, headers: bytes = b"", version: bytes = b"1.1") -> bytes:
    return b"GET %s HTTP/%s\r\n%s%s\r\n" % (target, version, HOST, headers)


def post(headers: bytes, body: bytes = b"", target: bytes = b"/echo") -> bytes:
    return b"POST %s HTTP/1.1\r\n%s%s%s\r\n%s" % (target, HOST, JSON, headers, body)


CHUNKED = b"Transfer-Encoding: chunked\r\n"
MALFORMED = {
    "no request line": b"\x00\x01\x02\r\n\r\n",
    "one word": b"GET\r\n\r\n",
    "no version": b"GET /echo\r\n\r\n",
    "HTTP/0.9": b"GET /echo HTTP/0.9\r\n" + HOST + b"\r\n",
    "HTTP/2.0": get(b"/echo", version=b"2.0"),
    "HTTP/1.2": get(b"/echo", version=b"1.2"),
    "HTTP/9.9": get(b"/echo", version=b"9.9"),
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9),
    "TLS hello": bytes.fromhex("16030102000100 01fc0303") + bytes(range(256)) * 2,
    "space in target": get(b"/a b"),
    "control character in target": get(b"/a\x01b"),
    "NUL in target": get(b"/a\x00b"),
    "DEL in target": get(b"/a\x7fb"),
    "relative target": get(b"echo"),
    "authority form": get(b"shop:80"),
    "another scheme": get(b"ftp://shop/echo"),
    "a port that is none": get(b"http://shop:99999/echo"),
    "star with GET": get(b"*"),
    "no colon": get(b"/echo", b"Accept\r\n"),
    "no name": get(b"/echo", b": b\r\n"),
    "space before colon": get(b"/echo", b"A : b\r\n"),
    "space before the first header": b"GET /echo HTTP/1.1\r\n Host: shop\r\n\r\n",
    "obs-fold": get(b"/echo", b"A: b\r\n c\r\n"),
    "control character in a value": get(b"/echo", b"A: b\x01c\r\n"),
    "NUL in a value": get(b"/echo", b"A: b\x00c\r\n"),
    "non-ASCII name": get(b"/echo", b"A\xc3\xa9: b\r\n"),
    "bare CR": get(b"/echo", b"A: b\rB: c\r\n"),
    "bare LF": get(b"/echo", b"A: b\nB: c\r\n"),
    "no Host": b"GET /echo HTTP/1.1\r\n\r\n",
    "two Hosts": get(b"/echo", HOST),
    "two Hosts in HTTP/1.0": get(b"/echo", HOST, version=b"1.0"),
    "Content-Length twice": post(b"Content-Length: 2\r\nContent-Length: 2\r\n", b"{}"),
    "Content-Length contradicts": post(b"Content-Length: 2\r\nContent-Length: 3\r\n", b"{}"),
    "Content-Length list": post(b"Content-Length: 2, 2\r\n", b"{}"),
    "Content-Length negative": post(b"Content-Length: -2\r\n", b"{}"),
    "Content-Length signed": post(b"Content-Length: +2\r\n", b"{}"),
    "Content-Length hexadecimal": post(b"Content-Length: 0x2\r\n", b"{}"),
    "Content-Length empty": post(b"Content-Length:\r\n", b"{}"),
    "Content-Length above 64 bits": post(b"Content-Length: 99999999999999999999\r\n", b"{}"),
    "length and chunks": post(b"Content-Length: 2\r\n" + CHUNKED, b"0\r\n\r\n"),
    "chunks and length": post(CHUNKED + b"Content-Length: 2\r\n", b"0\r\n\r\n"),
    "another coding": post(b"Transfer-Encoding: gzip\r\n", b"{}"),
    "another coding, chunked": post(b"Transfer-Encoding: gzip, chunked\r\n", b"0\r\n\r\n"),
    "chunked twice": post(CHUNKED + CHUNKED, b"0\r\n\r\n"),
    "nearly chunked": post(b"Transfer-Encoding: xchunked\r\n", b"0\r\n\r\n"),
    "chunk size no number": post(CHUNKED, b"zz\r\n{}\r\n0\r\n\r\n"),
    "chunk size above 64 bits": post(CHUNKED, b"fffffffffffffffff\r\n"),
    "chunk longer than said": post(CHUNKED, b"2\r\n{}}}\r\n0\r\n\r\n"),
    "trailer without colon": post(CHUNKED, b"2\r\n{}\r\n0\r\nA\r\n\r\n"),
    "trailer with length": post(CHUNKED, b"2\r\n{}\r\n0\r\nContent-Length: 2\r\n\r\n"),
}


@pytest.mark.parametrize("request_bytes", MALFORMED.values(), ids=MALFORMED.keys())
def test_what_is_not_http_is_400_malformed(server: Server, request_bytes: bytes) -> None:
    assert_problem(server.call(request_bytes), 400, "malformed")


@pytest.mark.parametrize("split", [1, 2, 3, 10, 40])
def test_it_is_so_however_it_arrives(server: Server, split: int) -> None:
    for name in ("obs-fold", "space in target", "length and chunks", "chunk longer than said", "no Host"):
        data = MALFORMED[name]
        assert_problem(server.call(*(data[i : i + split] for i in range(0, len(data), split))), 400, "malformed")


@pytest.mark.parametrize("method", [b"FOO", b"get", b"G", b"GETS", b"X-Y", b"CONNECT", b"DESCRIBE", b"A" * 70_000])
def test_a_method_that_is_none_is_501(server: Server, method: bytes) -> None:
    target = b"shop:80" if method == b"CONNECT" else b"/echo"
    assert_problem(server.call(method + b" " + target + b" HTTP/1.1\r\n" + HOST + b"\r\n"), 501, "method-unknown")


def test_a_refusal_names_the_path_if_it_is_known(server: Server) -> None:
    answer = server.call(get(b"/caf%C3%A9/a%20b?c=d", b"A\r\n"))
    assert answer.json()["instance"] == "/caf%C3%A9/a%20b"


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        (b"/echo?q=caf\xc3\xa9", "/echo", "q=caf%C3%A9"),
        (b"/echo?q=\xff\xfe", "/echo", "q=%FF%FE"),
        (b"/echo?q=caf%C3%A9&a=%2", "/echo", "q=caf%C3%A9&a=%2"),
        (b"/echo?a?b=c/d", "/echo", "a?b=c/d"),
        (b"/echo?a=b#c", "/echo", "a=b"),
        (b"/echo#c?d", "/echo", ""),
        (b"http://other/echo?a=b", "/echo", "a=b"),
        (b"HTTPS://other:8443/echo", "/echo", ""),
        (b"http://other", "/", ""),
        (b"http://other?a=b", "/", "a=b"),
    ],
)
def test_targets_that_are_served(server: Server, target: bytes, path: str, query: str) -> None:
    echo = server.call(get(target)).json()
    assert (echo["path"], echo["raw_path"], echo["query"]) == (path, path, query)


def test_raw_utf8_is_served_wherever_the_network_cuts_it(server: Server) -> None:
    data = get("/echo?q=café".encode(), b"A: caf\xc3\xa9\r\n")
    for cut in range(1, len(data)):
        echo = server.call(data[:cut], data[cut:]).json()
        assert (echo["query"], echo["headers"]["a"]) == ("q=caf%C3%A9", "caf\xc3\xa9")


def test_a_raw_utf8_path_is_the_path_that_its_encoded_form_is(server: Server) -> None:
    raw, encoded = server.call(get("/café".encode())), server.call(get(b"/caf%C3%A9"))
    assert raw.status == encoded.status == 404
    assert raw.json()["instance"] == encoded.json()["instance"] == "/caf%C3%A9"


def test_options_of_the_server(server: Server) -> None:
    assert server.call(b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n").status == 204


@pytest.mark.parametrize("expect", [b"200-ok", b"100-continued", b""])
def test_another_expectation_is_ignored(server: Server, expect: bytes) -> None:
    answer = server.call(post(b"Content-Length: 2\r\nExpect: " + expect + b"\r\n", b"{}"))
    assert answer.json()["body"] == "{}"


def test_an_old_caller_gets_no_100(server: Server) -> None:
    head = b"POST /echo HTTP/1.0\r\n" + JSON + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n"
    answer = server.call(head + b"{}")
    assert (answer.status, answer.closed) == (200, True)


@pytest.mark.parametrize("protocol", [b"websocket", b"h2c", b"TLS/1.0"])
def test_an_upgrade_is_ignored_and_the_request_served_with_its_body(server: Server, protocol: bytes) -> None:
    upgrade = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: " + protocol + b"\r\nHTTP2-Settings: AAMAAABk\r\n"
    data = post(upgrade + b"Content-Length: 7\r\n", b'{"a":1}') + get(b"/echo?second", upgrade) + get(b"/echo?third")
    for cut in (len(data), 90, len(data) - 60, len(data) - 5):
        with server.connect() as connection:
            connection.send(data[:cut])
            connection.send(data[cut:])
            first = connection.read().json()
            assert (first["body"], "upgrade" in first["headers"]) == ('{"a":1}', False)
            assert [connection.read().json()["query"] for _ in range(2)] == ["second", "third"]


def test_trailers_are_none_of_the_requests_headers(server: Server) -> None:
    body = b"2\r\n{}\r\n0\r\nAuthorization: Bearer x\r\n\r\n"
    echo = server.call(post(CHUNKED, body)).json()
    assert (echo["body"], "authorization" in echo["headers"]) == ("{}", False)


def test_bounds_are_exact(server: Server) -> None:
    assert server.call(get(b"/echo?" + b"q" * (8192 - 6))).status == 200
    assert_problem(server.call(get(b"/echo?" + b"q" * (8193 - 6))), 414, "target-too-long")
    assert_problem(server.call(get(b"/echo?" + b"\xc3\xa9" * 1400)), 414, "target-too-long")
    assert server.call(get(b"/echo", b"A: b\r\n" * 99)).status == 200
    assert_problem(server.call(get(b"/echo", b"A: b\r\n" * 100)), 431, "headers-too-large")
    room = 32768 - len("hostshop") - 1
    assert server.call(get(b"/echo", b"A: " + b"b" * room + b"\r\n")).status == 200
    assert_problem(server.call(get(b"/echo", b"A: " + b"b" * (room + 1) + b"\r\n")), 431, "headers-too-large")
    halves = b"A: " + b"b" * 16_000 + b"\r\n"
    assert server.call(get(b"/" + b"q" * 8191, halves * 2)).status == 404
    assert_problem(server.call(get(b"/echo", halves * 3)), 431, "headers-too-large")
    assert_problem(server.call(post(CHUNKED, b"2\r\n{}\r\n0\r\n" + b"A: b\r\n" * 10_000)), 431, "headers-too-large")


ENDLESS = {
    "8 MB in one value": (get(b"/echo", b"A: " + b"a" * 8_000_000 + b"\r\n"), 431),
    "8 MB in one name": (get(b"/echo", b"a" * 8_000_000 + b": a\r\n"), 431),
    "50,000 headers": (get(b"/echo", b"A: b\r\n" * 50_000), 431),
    "8 MB of headers": (get(b"/echo", (b"A: " + b"a" * 8_000 + b"\r\n") * 1_000), 431),
    "8 MB of path": (get(b"/" + b"a" * 8_000_000), 414),
    "8 MB of raw query": (get(b"/echo?q=" + b"\xc3\xa9" * 4_000_000), 414),
    "8 MB of trailer": (post(CHUNKED, b"2\r\n{}\r\n0\r\nA: " + b"a" * 8_000_000 + b"\r\n\r\n"), 431),
    "50,000 trailers": (post(CHUNKED, b"2\r\n{}\r\n0\r\n" + b"A: b\r\n" * 50_000 + b"\r\n"), 431),
}


@pytest.mark.timing("a share of CPU time over 5 s")
@pytest.mark.parametrize(("data", "status"), ENDLESS.values(), ids=ENDLESS.keys())
def test_endless_heads_are_refused_while_being_read_and_cost_nothing(server: Server, data: bytes, status: int) -> None:
    """The caller sends all of it before it reads, and gets its answer: no reset destroys it."""
    assert server.call(data).status == status
    memory, cpu = server.memory_bytes, server.cpu_s
    for _ in range(5):
        assert server.call(data).status == status
    assert server.memory_bytes - memory < 3_000_000  # what five slices leave behind; uvicorn's own: 69 MB
    assert (server.cpu_s - cpu) / 5 < 0.05


def test_pipelined_requests_are_answered_in_their_order(server: Server) -> None:
    with server.connect() as connection:
        connection.send(get(b"/slow/200") + get(b"/echo?2") + post(b"Content-Length: 2\r\n", b"{}") + get(b"/echo?4"))
        assert connection.read().body == b"slow 200"
        assert [connection.read().json()["query"] for _ in range(3)] == ["2", "", "4"]


def test_a_few_requests_wait_and_the_last_answer_says_that_it_is_the_last(server: Server) -> None:
    memory = server.memory_bytes
    with server.connect() as connection:
        connection.send(get(b"/slow/500") + get(b"/echo") * 100_000)
        answers = [connection.read() for _ in range(9)]
    assert [answer.closed for answer in answers] == [False] * 8 + [True]
    assert server.memory_bytes - memory < 2_000_000


def test_what_is_wrong_behind_a_request_is_answered_after_it(server: Server) -> None:
    with server.connect() as connection:
        connection.send(get(b"/slow/200") + get(b"/echo?2") + MALFORMED["obs-fold"])
        assert connection.read().body == b"slow 200"
        assert connection.read().json()["query"] == "2"
        assert_problem(connection.read(), 400, "malformed")


def test_a_queued_request_whose_body_is_wrong_is_refused_in_its_turn(server: Server) -> None:
    with server.connect() as connection:
        connection.send(get(b"/slow/200") + MALFORMED["chunk size no number"])
        assert connection.read().body == b"slow 200"
        assert_problem(connection.read(), 400, "malformed")


def test_a_body_without_a_length_is_no_body(server: Server) -> None:
    with server.connect() as connection:
        connection.send(post(b"", b"{}", target=b"/refused"))
        assert connection.read().status == 401
        assert_problem(connection.read(), 400, "malformed")


def test_a_head_request_is_refused_without_a_body(server: Server) -> None:
    with server.connect() as connection:
        connection.send(b"HEAD /echo HTTP/1.1\r\nA\r\n\r\n")
        answer = connection.read("HEAD")
        assert (answer.status, answer.closed) == (400, True)


@pytest.mark.parametrize("target", [b"/refused", b"/unread"])
@pytest.mark.parametrize("framing", [b"Content-Length: 64000000\r\n", CHUNKED], ids=["length", "chunks"])
def test_an_early_answer_to_a_long_body_ends_the_connection(server: Server, framing: bytes, target: bytes) -> None:
    """Memory is not used, 64 MB are not uploaded, and the answer is read by a caller that sends first."""
    memory = server.memory_bytes
    chunk = b"2000\r\n" + b"x" * 8192 + b"\r\n" if framing == CHUNKED else b"x" * 8194
    with server.connect() as connection:
        connection.send(post(framing, chunk * 1000, target))
        answer = connection.read()
        assert (answer.status, answer.headers["connection"], answer.closed) == (401, "close", True)
        assert server.memory_bytes - memory < 2_000_000
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            connection.socket.sendall(chunk * 6800)


def test_an_early_answer_to_a_short_body_keeps_the_connection(server: Server) -> None:
    with server.connect() as connection:
        for body in (b"{}", b"x" * 65536):
            connection.send(post(b"Content-Length: %d\r\n" % len(body), target=b"/refused"))
            assert connection.read().status == 401
            connection.send(body + get(b"/echo?next"))
            assert connection.read().json()["query"] == "next"


def test_nobody_is_asked_to_send_a_body_that_is_refused(server: Server) -> None:
    head = b"Expect: 100-continue\r\nContent-Length: 2\r\n"
    refused = server.call(post(head, target=b"/refused"))
    assert (refused.status, refused.closed) == (401, True)
    with server.connect() as connection:
        connection.send(post(head))
        assert connection.read().status == 100
        connection.send(b"{}" + get(b"/echo?next"))
        assert connection.read().json()["body"] == "{}"
        assert connection.read().json()["query"] == "next"


def test_an_invented_forwarded_address_is_believed_of_nobody(server: Server) -> None:
    forwarded = b"X-Forwarded-For: 10.1.2.3\r\nX-Forwarded-Proto: https\r\nForwarded: for=10.1.2.3\r\n"
    echo = server.call(get(b"/echo", forwarded)).json()
    assert (echo["client"], echo["scheme"]) == ("127.0.0.1", "http")


def test_the_server_does_not_name_its_software(server: Server) -> None:
    assert "server" not in server.get("/echo").headers
    assert "server" not in server.call(MALFORMED["no Host"]).headers


def test_mangled_requests_of_all_kinds_leave_the_server_well(server: Server) -> None:
    """Bytes changed, cut out, doubled, joined: each connection ends or answers, none costs the others anything."""
    chosen = random.Random(5)
    corpus = [*MALFORMED.values(), get(b"/echo?a=b", b"A: b\r\n"), post(CHUNKED, b"2\r\n{}\r\n0\r\n\r\n")]
    for _ in range(400):
        data = bytearray(chosen.choice(corpus) + chosen.choice(corpus))
        for _ in range(chosen.randint(1, 6)):
            at = chosen.randrange(len(data))
            match chosen.randrange(4):
                case 0:
                    data[at] = chosen.randrange(256)
                case 1:
                    del data[at : at + chosen.randint(1, 9)]
                case 2:
                    data[at:at] = data[at : at + chosen.randint(1, 30)]
                case _:
                    data[at:at] = chosen.choice([b"\r\n", b"\x00", b":", b"\xff", b"\r\n\r\n", b" "])
        with server.connect() as connection:
            connection.send(bytes(data) + b"\r\n\r\n" + get(b"/echo"))
            connection.socket.settimeout(0.1)
            try:
                while not connection.read().closed:
                    pass
            except (EOFError, TimeoutError, ConnectionResetError):
                pass
    assert server.get("/echo").status == 200


@pytest.mark.parametrize("proxies", ["127.0.0.1", "10.0.0.0/8, 127.0.0.0/8"])
def test_a_trusted_proxy_names_its_caller(proxies: str) -> None:
    with serving(trusted_proxies=proxies) as behind:
        echo = behind.call(get(b"/echo", b"X-Forwarded-For: 6.6.6.6, 192.0.2.7\r\nX-Forwarded-Proto: https\r\n")).json()
        assert (echo["client"], echo["scheme"]) == ("192.0.2.7", "https")
