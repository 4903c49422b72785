"""The service's HTTP interface (INTERNALS), against a real process."""

import subprocess
import sys
import time
import uuid
from pathlib import Path

import httpx
import pytest

from holdfast.testing.credentials import AsService
from holdfast.testing.processes import ServiceProcess
from payment_service.settings import PaymentSettings

ORDER = "018f0000-0000-7000-8000-000000000001"
VISA = {"amount": 500, "currency": "GBP", "payment_token": "tok_visa"}


def new_order() -> str:
    return str(uuid.uuid4())


def movements_of(client: httpx.Client, order: str) -> list[tuple[str, int]]:
    items = client.get("/journal", params={"limit": 1000}).json()["items"]
    return [(item["kind"], item["amount"]) for item in items if item["order_id"] == order]


def problem_code(answer: httpx.Response) -> str:
    assert answer.headers["content-type"] == "application/problem+json"
    code: str = answer.json()["code"]
    return code


def test_a_charge_and_its_repeat_give_the_same_answer(client: httpx.Client) -> None:
    order = new_order()
    answers = [client.put(f"/charges/{order}", json=VISA) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert [answer.json() for answer in answers] == [{"order_id": order, "status": "captured"}] * 2
    assert client.get(f"/charges/{order}").json() == {
        "order_id": order,
        "status": "captured",
        "amount": 500,
        "currency": "GBP",
    }


def test_an_unknown_token_is_declined(client: httpx.Client) -> None:
    answer = client.put(f"/charges/{new_order()}", json=VISA | {"payment_token": "whatever"})
    assert (answer.status_code, answer.json()["status"]) == (200, "declined")


@pytest.mark.timing("an answer within 0.5 s beside a card of 1 s")
def test_a_slow_card_is_pending_within_400_ms_and_captured_later(client: httpx.Client) -> None:
    order = new_order()
    client.get("/healthz")
    began = time.monotonic()
    answer = client.put(f"/charges/{order}", json=VISA | {"payment_token": "tok_slow"})
    assert time.monotonic() - began < 0.5
    assert (answer.status_code, answer.json()) == (202, {"order_id": order, "status": "pending"})
    time.sleep(0.8)
    assert client.put(f"/charges/{order}", json=VISA).json()["status"] == "captured"


@pytest.mark.timing("an answer within 0.3 s")
def test_it_answers_within_what_the_caller_has_left(client: httpx.Client) -> None:
    client.get("/healthz")
    began = time.monotonic()
    answer = client.put(
        f"/charges/{new_order()}",
        json=VISA | {"payment_token": "tok_slow"},
        headers={"X-Request-Timeout-Ms": "150"},
    )
    assert time.monotonic() - began < 0.3
    assert answer.status_code == 202


def test_a_void_first_refuses_the_charge(client: httpx.Client) -> None:
    order = new_order()
    assert client.put(f"/voids/{order}", json={}).json() == {"order_id": order, "status": "voided", "amount": 0}
    refused = client.put(f"/charges/{order}", json=VISA)
    assert (refused.status_code, problem_code(refused)) == (409, "voided")


def test_a_void_after_the_capture_refunds_once(client: httpx.Client) -> None:
    order = new_order()
    client.put(f"/charges/{order}", json=VISA)
    for _ in range(2):
        answer = client.put(f"/voids/{order}", json={})
        assert (answer.status_code, answer.json()) == (200, {"order_id": order, "status": "refunded", "amount": 500})
    assert movements_of(client, order) == [("capture", 500), ("refund", 500)]


def test_a_void_during_a_slow_charge_is_pending_and_ends_in_a_refund(client: httpx.Client) -> None:
    order = new_order()
    client.put(f"/charges/{order}", json=VISA | {"payment_token": "tok_slow"})
    assert client.put(f"/voids/{order}", json={}).status_code == 202
    time.sleep(0.5)
    assert client.put(f"/voids/{order}", json={}).json()["status"] == "refunded"


def test_a_charge_that_waits_while_the_void_comes_is_told_so(client: httpx.Client, payment: ServiceProcess) -> None:
    order = new_order()
    client.put(f"/charges/{order}", json=VISA | {"payment_token": "tok_slow"})
    client.put(f"/voids/{order}", json={})
    assert problem_code(client.put(f"/charges/{order}", json=VISA)) == "voided"


def test_another_amount_is_refused(client: httpx.Client) -> None:
    order = new_order()
    client.put(f"/charges/{order}", json=VISA)
    refused = client.put(f"/charges/{order}", json=VISA | {"amount": 501})
    assert (refused.status_code, problem_code(refused)) == (422, "charge-differs")


def test_the_journal_is_read_page_by_page(client: httpx.Client) -> None:
    orders = [new_order() for _ in range(3)]
    seen = client.get("/journal", params={"limit": 1000}).json()["items"]
    for order in orders:
        client.put(f"/charges/{order}", json=VISA)
    items, after = [], seen[-1]["seq"] if seen else 0
    while after is not None:
        page = client.get("/journal", params={"limit": 2, "after": after}).json()
        assert len(page["items"]) == 2 or (len(page["items"]) < 2 and page["next_after"] is None)
        items, after = items + page["items"], page["next_after"]
    assert [item["seq"] for item in items] == sorted({item["seq"] for item in items})
    # (The slow cards of other tests may come in between.)
    assert [item["order_id"] for item in items if item["order_id"] in orders] == orders


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/charges/not-an-id", VISA, 422, "invalid"),
        (f"/charges/{ORDER}", VISA | {"amount": 0}, 422, "invalid"),
        (f"/charges/{ORDER}", VISA | {"amount": 1.5}, 422, "invalid"),
        (f"/charges/{ORDER}", VISA | {"currency": "pounds"}, 422, "invalid"),
        (f"/charges/{ORDER}", VISA | {"more": 1}, 422, "invalid"),
        (f"/voids/{ORDER}", {"more": 1}, 422, "invalid"),
        ("/faults", {"hang": {"percent": 50}}, 422, "invalid"),
        ("/faults", {"hang": {"percent": 101, "expires_in_s": 1}}, 422, "invalid"),
    ],
)
def test_bad_input_is_refused(client: httpx.Client, path: str, body: object, status: int, code: str) -> None:
    answer = client.put(path, json=body)
    assert (answer.status_code, problem_code(answer)) == (status, code)


def test_what_was_never_charged_is_unknown(client: httpx.Client) -> None:
    assert problem_code(client.get(f"/charges/{new_order()}")) == "charge-unknown"


def test_the_knobs_act_and_are_lifted(client: httpx.Client) -> None:
    order = new_order()
    assert client.put("/faults", json={"error_rate": {"percent": 100, "expires_in_s": 60}}).status_code == 200
    assert client.put(f"/charges/{order}", json=VISA).status_code == 500
    assert movements_of(client, order) == []
    assert client.get("/faults").json()["error_rate"]["percent"] == 100
    client.delete("/faults")
    assert client.get("/faults").json() == {}
    assert client.put(f"/charges/{order}", json=VISA).status_code == 200


def test_a_hanging_service_answers_nothing_but_lives(client: httpx.Client) -> None:
    client.put("/faults", json={"hang": {"expires_in_s": 60}})
    with pytest.raises(httpx.ReadTimeout):
        client.put(f"/charges/{new_order()}", json=VISA, timeout=0.6)
    assert client.get("/healthz").status_code == 200


def test_latency_delays_the_answer(client: httpx.Client) -> None:
    client.put("/faults", json={"latency_ms": {"value": 200, "expires_in_s": 60}})
    began = time.monotonic()
    assert client.put(f"/charges/{new_order()}", json=VISA).status_code == 200
    assert time.monotonic() - began >= 0.2


def test_unless_told_the_knobs_are_there_in_demo_mode_only() -> None:
    assert PaymentSettings(mode="demo").serves_faults
    assert not PaymentSettings(mode="production").serves_faults
    assert PaymentSettings(mode="production", faults_enabled=True).serves_faults


def test_switched_off_there_are_no_knobs(tmp_path: Path) -> None:
    env = {"LEDGER_PATH": str(tmp_path / "ledger.sqlite3"), "FAULTS_ENABLED": "false"}
    process = ServiceProcess("payment_service", env, tmp_path / "log").start()
    try:
        assert (
            httpx.put(f"{process.url}/faults", json={}, auth=AsService("tools", "payment-service")).status_code == 404
        )
    finally:
        process.kill()


def test_an_unusable_ledger_stops_the_start_with_one_line(tmp_path: Path) -> None:
    (tmp_path / "ledger.sqlite3").write_bytes(b"this is no database" * 100)
    env = {"LEDGER_PATH": str(tmp_path / "ledger.sqlite3"), "PATH": ""}
    command = [sys.executable, "-m", "payment_service"]
    ended = subprocess.run(command, env=env, capture_output=True, text=True, timeout=20, check=False)
    assert ended.returncode == 2
    assert ended.stderr.startswith("cannot start: LEDGER_PATH: ")
    assert len(ended.stderr.splitlines()) == 1
