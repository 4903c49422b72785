"""Switching protections: in every process or refused, so that nobody measures what was not switched."""

from typing import Any

import pytest

from gameday.ab.switches import Switches
from gameday.nemesis.fault import Refused
from shop_double import Asked, Double, Serve, Told


def told(*off: list[str], unreached: tuple[str, ...] = ()) -> dict[str, Any]:
    return {
        "processes": [{"name": "gateway", "replica": str(number), "off": names} for number, names in enumerate(off)],
        "unreached": [{"name": name, "replica": name} for name in unreached],
    }


def shop(serve: Serve, answer: Told, entry: Told | None = None) -> Double:
    def answers(asked: Asked) -> Told:
        return (entry or Told(201, {"token": "t"})) if asked.path == "/api/sessions" else answer

    return serve(answers)


def switches(gateway: Double) -> Switches:
    return Switches(gateway.url, "admin@holdfast.example", "secret")


def test_exactly_what_is_asked_for_is_switched_off_by_an_administrator(serve: Serve) -> None:
    gateway = shop(serve, Told(200, told(["breaker"], ["breaker"])))
    switches(gateway).switch_off(["breaker"])
    entered, switched = gateway.asked
    assert entered.body == {"email": "admin@holdfast.example", "password": "secret"}
    assert (switched.method, switched.path, switched.body) == ("PUT", "/api/ops/protections", {"off": ["breaker"]})
    assert switched.headers["authorization"] == "Bearer t"
    assert switched.headers["idempotency-key"]


def test_what_is_off_is_told(serve: Serve) -> None:
    assert switches(shop(serve, Told(200, told(["probe"], ["probe"])))).off() == ["probe"]
    assert switches(shop(serve, Told(200, told([], [])))).off() == []


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (Told(200, told(["breaker"], [])), "processes differ in the protections that are on"),
        (Told(200, told([], [])), "protections were not switched: off are none"),
        (Told(200, told(["breaker"], unreached=("query-1", "query-2"))), "cannot be switched at query-1, query-2"),
        (Told(404, {}), r"does not switch protections \(404\): it needs demo mode"),
    ],
)
def test_a_shop_that_is_not_switched_whole_is_refused(serve: Serve, answer: Told, says: str) -> None:
    with pytest.raises(Refused, match=says):
        switches(shop(serve, answer)).switch_off(["breaker"])


def test_with_patience_a_flooded_process_is_asked_again(serve: Serve) -> None:
    answers = iter([Told(200, told([], unreached=("query-1",))), Told(200, told([], [])), Told(200, told(["probe"]))])
    gateway = serve(lambda asked: Told(201, {"token": "t"}) if asked.path == "/api/sessions" else next(answers))
    switches(gateway).switch_off([], patience_s=5.0)
    with pytest.raises(Refused):
        switches(gateway).switch_off([])


def test_a_refused_sign_in_is_named(serve: Serve) -> None:
    with pytest.raises(Refused, match=r"refused the sign-in of admin@holdfast\.example: 401"):
        switches(shop(serve, Told(200, told([])), entry=Told(401, {}))).off()


def test_no_gateway_is_refused() -> None:
    with pytest.raises(Refused, match=r"no gateway answers at http://127\.0\.0\.1:9: ConnectError"):
        Switches("http://127.0.0.1:9", "a", "b").off()
