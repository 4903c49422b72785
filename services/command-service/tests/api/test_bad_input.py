"""API.md's table of bad input, for the commands of cart and catalogue. It is refused with PostgreSQL away too."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from command_service.settings import Settings
from command_service.testing.service import NO_PAYMENT, Service, refused, running

PRODUCT: dict[str, Any] = {
    "product_id": "mug",
    "name": "A mug",
    "category": "Kitchen",
    "unit_amount": 250,
    "available": 10,
}
NOWHERE = "postgresql://holdfast:holdfast@127.0.0.1:1/holdfast"
JSON = {"Content-Type": "application/json"}


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    async with running(
        Settings(postgres_dsn=NOWHERE, replica="test", port=8101, payment_urls=NO_PAYMENT), prepared=False
    ) as started:
        started.app.state.verifier.ended.known = True  # as if PostgreSQL had answered: no administrator waits for it
        yield started


@pytest.mark.parametrize("body", ["{", "", "nonsense", '{"product_id": "mug",}', "\xff", "[" * 5_000])
async def test_what_is_no_json_is_malformed(service: Service, body: str) -> None:
    answer = await service.someone().call(
        "POST", "/api/cart/items", content=body.encode("latin-1"), headers=JSON, key="k"
    )
    expected = (400, "malformed") if body else (422, "invalid")
    assert refused(answer, *expected)


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        None,
        "mug",
        {"product_id": "mug"},
        {"product_id": "mug", "quantity": 0},
        {"product_id": "mug", "quantity": 100_001},
        {"product_id": "mug", "quantity": -1},
        {"product_id": "mug", "quantity": 1.5},
        {"product_id": "mug", "quantity": "1"},
        {"product_id": "mug", "quantity": True},
        {"product_id": "mug", "quantity": None},
        {"product_id": "mug", "quantity": 10**30},
        {"product_id": "a mug", "quantity": 1},
        {"product_id": "", "quantity": 1},
        {"product_id": "m" * 41, "quantity": 1},
        {"product_id": "mug\n", "quantity": 1},
        {"product_id": "mug\u0000", "quantity": 1},
        {"product_id": 7, "quantity": 1},
        {"product_id": ".", "quantity": 1},
        {"product_id": "..", "quantity": 1},
        {"product_id": "mug", "quantity": 1, "price": 1},
    ],
)
async def test_an_item_out_of_range_is_invalid(service: Service, body: Any) -> None:
    answer = await service.someone().call("POST", "/api/cart/items", json=body)
    assert refused(answer, 422, "invalid")
    assert answer.json()["errors"]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e400", '"\\ud800"'])
async def test_what_json_cannot_say_is_invalid(service: Service, number: str) -> None:
    body = f'{{"product_id": "mug", "quantity": {number}}}'
    answer = await service.someone().call("POST", "/api/cart/items", content=body, headers=JSON)
    assert answer.status_code in (400, 422)
    assert answer.json()["code"] in ("malformed", "invalid")


@pytest.mark.parametrize(
    "change",
    [
        {"unit_amount": 0},
        {"unit_amount": 10_000_001},
        {"available": -1},
        {"available": 10_000_001},
        {"name": ""},
        {"name": "   "},
        {"name": "m" * 201},
        {"name": "A\u0007mug"},
        {"description": "m" * 4_001},
        {"category": ""},
        {"product_id": "a/b"},
        {"product_id": "."},
        {"product_id": ".."},
        {"currency": "EUR"},
    ],
)
async def test_a_product_out_of_range_is_invalid(service: Service, change: dict[str, Any]) -> None:
    answer = await service.admin().call("POST", "/api/admin/products", json={**PRODUCT, **change})
    assert refused(answer, 422, "invalid")
    assert answer.json()["errors"][0]["pointer"] == f"/{next(iter(change))}"


@pytest.mark.parametrize("key", ["", "with space", "k" * 256, "caf\u00e9"])
async def test_a_key_out_of_range_is_invalid(service: Service, key: str) -> None:
    answer = await service.someone().call("DELETE", "/api/cart", headers={"Idempotency-Key": key.encode("latin-1")})
    assert refused(answer, 422, "invalid")


@pytest.mark.parametrize("version", ["", "3", '"x"', "*, *", '"-1"', 'W/"1"', '"1", "2"', "9" * 40])
async def test_an_if_match_that_is_no_version_is_invalid(service: Service, version: str) -> None:
    assert refused(await service.someone().delete("/api/cart", headers={"If-Match": version}), 422, "invalid")


@pytest.mark.parametrize("milliseconds", ["0", "60001", "soon", "-5"])
async def test_a_timeout_out_of_range_is_invalid(service: Service, milliseconds: str) -> None:
    answer = await service.someone().get("/api/cart", headers={"X-Request-Timeout-Ms": milliseconds})
    assert refused(answer, 422, "invalid")


@pytest.mark.parametrize("authorization", ["Bearer nonsense", "Basic YTpi", "Bearer ", ""])
async def test_a_token_that_the_gateway_did_not_sign_is_refused(service: Service, authorization: str) -> None:
    answer = await service.client.get("/api/cart", headers={"Authorization": authorization})
    assert refused(answer, 401, "unauthenticated")


async def test_what_is_not_there_or_not_allowed_is_said_as_a_problem(service: Service) -> None:
    guest = service.someone()
    assert refused(await guest.get("/api/nothing"), 404, "not-found")
    assert refused(await guest.call("PATCH", "/api/cart"), 405, "method-not-allowed")


async def test_a_body_is_bounded_and_json(service: Service) -> None:
    guest = service.someone()
    large = {"product_id": "mug", "quantity": 1, "filler": "x" * 70_000}
    assert refused(await guest.post("/api/cart/items", large), 413, "body-too-large")
    text = await guest.call("POST", "/api/cart/items", content="a=1", headers={"Content-Type": "text/plain"})
    assert refused(text, 415, "unsupported-media-type")
