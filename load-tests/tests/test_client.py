"""The client's rules: it gives up in time, waits as told, keeps its key, and asks the other gateway."""

import socket
import time

import gevent
import pytest

from gameday.workload.client import Client
from gameday.workload.operation import Operation, command
from gameday.workload.records import Outcome
from shop_double import Serve, Told

GOOD = Told(200, {"cart_id": "c", "version": 1})
AWAY = {"code": "dependency-unavailable"}


def _add() -> Operation:
    return command(
        "POST",
        "/api/cart/items",
        "token-1",
        {"product_id": "85123A", "quantity": 1},
        good=lambda answer: "version" in answer.body,
        refusals=frozenset({"product-discontinued"}),
    )


def _nobody() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


def test_a_good_answer_takes_one_attempt_at_the_home_gateway(serve: Serve) -> None:
    first, second = serve(GOOD), serve(GOOD)
    exchange = Client([first.url, second.url]).send(_add(), home=1)
    assert (exchange.attempts, exchange.last.gateway, exchange.last.outcome) == (1, 1, Outcome.OK)
    assert not first.asked
    sent = second.asked[0]
    assert (sent.method, sent.path, sent.body) == ("POST", "/api/cart/items", {"product_id": "85123A", "quantity": 1})
    assert sent.headers["authorization"] == "Bearer token-1"
    assert len(sent.headers["idempotency-key"]) == 32


@pytest.mark.timing("a timeout of 0.3 s")
def test_no_answer_in_time_is_given_up_and_asked_at_the_other_gateway_with_the_same_key(serve: Serve) -> None:
    slow, other = serve(Told(200, GOOD.body, after_s=2)), serve(GOOD)
    exchange = Client([slow.url, other.url], timeout_s=0.3).send(_add(), home=0)
    assert (exchange.first.outcome, exchange.first.code) == (Outcome.FAILED, "Timeout")
    assert 0.3 <= exchange.first_ended - exchange.sent < 0.6
    assert (exchange.last.outcome, exchange.last.gateway, exchange.attempts) == (Outcome.OK, 1, 2)
    assert exchange.ended - exchange.first_ended < 0.2
    assert slow.asked[0].headers["idempotency-key"] == other.asked[0].headers["idempotency-key"]


@pytest.mark.timing("a timeout of 0.3 s")
def test_an_answer_that_trickles_in_is_given_up_too() -> None:
    """The limit holds for the whole answer, not for each of its pieces."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def trickle() -> None:
            connection = gevent.socket.socket(fileno=server.detach())
            talking, _ = connection.accept()
            talking.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
            while True:
                gevent.sleep(0.1)
                talking.sendall(b"x")

        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        server.setblocking(False)
        trickling = gevent.spawn(trickle)
        began = time.monotonic()
        exchange = Client([url], tries=1, timeout_s=0.4).send(_add(), home=0)
        trickling.kill()
    assert exchange.last.code == "Timeout"
    assert time.monotonic() - began < 0.8


def test_a_dead_gateway_costs_one_attempt(serve: Serve) -> None:
    exchange = Client([_nobody(), serve(GOOD).url]).send(_add(), home=0)
    assert (exchange.first.code, exchange.first.gateway) == ("ConnectionRefusedError", -1)
    assert (exchange.last.outcome, exchange.attempts) == (Outcome.OK, 2)


@pytest.mark.timing("a wait of 1.0 to 1.2 s")
def test_retry_after_is_waited_for_at_the_gateway_that_said_it(serve: Serve) -> None:
    shedding, other = serve(Told(503, AWAY, {"Retry-After": "1"}), GOOD), serve(GOOD)
    exchange = Client([shedding.url, other.url]).send(_add(), home=0)
    assert (exchange.first.outcome, exchange.first.code) == (Outcome.CONTAINED, "dependency-unavailable")
    assert (exchange.last.outcome, exchange.last.gateway) == (Outcome.OK, 0)
    first, again = shedding.asked
    assert 1.0 <= again.at - first.at < 1.6
    assert first.headers["idempotency-key"] == again.headers["idempotency-key"]
    assert not other.asked


def test_a_503_without_retry_after_is_a_failure_and_repeated_at_once(serve: Serve) -> None:
    broken, other = serve(Told(503, AWAY)), serve(GOOD)
    exchange = Client([broken.url, other.url]).send(_add(), home=0)
    assert exchange.first.outcome is Outcome.FAILED
    assert (exchange.last.outcome, exchange.attempts) == (Outcome.OK, 2)
    assert exchange.ended - exchange.sent < 0.5


def test_attempts_end_at_the_number_of_tries(serve: Serve) -> None:
    broken = serve(Told(500, {"code": "internal"}))
    exchange = Client([broken.url], tries=3).send(_add(), home=0)
    assert (exchange.attempts, exchange.last.code, len(broken.asked)) == (3, "internal", 3)


def test_a_refusal_that_the_contract_allows_is_final(serve: Serve) -> None:
    gateway = serve(Told(409, {"code": "product-discontinued"}))
    exchange = Client([gateway.url]).send(_add(), home=0)
    assert (exchange.last.outcome, exchange.last.code, exchange.attempts) == (
        Outcome.REFUSED,
        "product-discontinued",
        1,
    )


def test_a_refusal_that_nothing_gave_cause_for_is_a_failure(serve: Serve) -> None:
    exchange = Client([serve(Told(404, {"code": "line-unknown"})).url]).send(_add(), home=0)
    assert (exchange.last.outcome, exchange.last.code, exchange.attempts) == (Outcome.FAILED, "line-unknown", 1)


def test_a_call_still_under_way_is_asked_for_again(serve: Serve) -> None:
    busy = Told(409, {"code": "request-in-progress"}, {"Retry-After": "1"})
    exchange = Client([serve(busy, GOOD).url]).send(_add(), home=0)
    assert (exchange.first.outcome, exchange.last.outcome, exchange.attempts) == (Outcome.REFUSED, Outcome.OK, 2)


@pytest.mark.parametrize(
    ("told", "outcome"),
    [
        (Told(200, {"version": 1}, {"Degraded": "projection-lag"}), Outcome.DEGRADED),
        (Told(202, {"version": 1}), Outcome.DEGRADED),
        (Told(200, {"something": "else"}), Outcome.FAILED),
        (Told(200, ["no", "object"]), Outcome.FAILED),
        (Told(200, {"version": 1}, {"Consistency-Token": "nonsense"}), Outcome.FAILED),
        (Told(302, {"version": 1}), Outcome.FAILED),
        (Told(504, {"code": "deadline-exceeded"}, {"Retry-After": "1"}), Outcome.FAILED),
    ],
)
def test_what_an_answer_is_worth(serve: Serve, told: Told, outcome: Outcome) -> None:
    operation = command(
        "POST", "/x", "", {}, statuses=frozenset({200, 202}), good=lambda answer: answer.body["version"] == 1
    )
    assert Client([serve(told).url], tries=1).send(operation, home=0).last.outcome is outcome


def test_a_read_sends_the_versions_that_it_must_show(serve: Serve) -> None:
    gateway = serve(Told(200, {}))
    Client([gateway.url]).send(Operation("GET", "/api/cart", token="t", streams={"cart-1": 3, "order-2": 1}), home=0)
    sent = gateway.asked[0].headers
    assert sent["consistency-token"] == "cart-1@3, order-2@1"
    assert "idempotency-key" not in sent


def test_a_kept_connection_that_was_closed_is_no_failure(serve: Serve) -> None:
    gateway = serve(Told(200, {"version": 1}, hangs_up=True))
    client = Client([gateway.url])
    exchanges = [client.send(_add(), home=0) for _ in range(3)]
    assert [(one.attempts, one.last.outcome) for one in exchanges] == [(1, Outcome.OK)] * 3


def test_connections_are_kept(serve: Serve) -> None:
    gateway = serve(GOOD)
    client = Client([gateway.url])
    for _ in range(5):
        client.send(_add(), home=0)
    assert len(client._transports[0]._idle) == 1


def test_who_is_stopping_waits_for_nothing(serve: Serve) -> None:
    client = Client([serve(Told(503, AWAY, {"Retry-After": "5"})).url])
    gevent.spawn_later(0.2, client.stopping.set)
    exchange = client.send(_add(), home=0)
    assert (exchange.attempts, exchange.last.outcome) == (1, Outcome.CONTAINED)
    assert client.now() - exchange.sent < 2
