"""Texts that identify people are compared in one form, and what nobody could tell apart is refused (API.md)."""

import json
import unicodedata
from typing import Any

import pytest

from command_service.testing.service import Service, refused

ZOE = {"email": "zoë@example.org", "password": "längeres Wort", "name": "Zoë"}
ADDRESS = {"name": "A", "line1": "1 High Street", "city": "Leeds", "postcode": "LS1", "country": "GB"}


def decomposed(body: dict[str, str]) -> dict[str, str]:
    return {name: unicodedata.normalize("NFD", value) for name, value in body.items()}


async def test_composed_and_decomposed_letters_are_one_person(service: Service) -> None:
    registered = await service.client.post("/api/customers", json=ZOE)
    assert registered.status_code == 201
    assert decomposed(ZOE) != ZOE
    assert refused(await service.client.post("/api/customers", json=decomposed(ZOE)), 409, "email-taken")
    for body in (ZOE, decomposed(ZOE)):
        credentials = {one: body[one] for one in ("email", "password")}
        signed_in = await service.client.post("/api/sessions", json=credentials)
        assert signed_in.json()["customer_id"] == registered.json()["customer_id"]


async def test_a_registration_repeated_in_another_form_is_the_same_command(service: Service) -> None:
    key = {"Idempotency-Key": "k"}
    first = await service.client.post("/api/customers", json=ZOE, headers=key)
    again = await service.client.post("/api/customers", json=decomposed(ZOE), headers=key)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()


async def test_sharp_s_and_double_s_are_two_mailboxes(service: Service) -> None:
    answers = [
        await service.client.post("/api/customers", json=ZOE | {"email": email})
        for email in ("strauß@example.org", "strauss@example.org")
    ]
    assert [answer.status_code for answer in answers] == [201, 201]


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"name": "\u200b"}, "/name"),
        ({"name": "Ann \u202egnaL"}, "/name"),
        ({"name": "\u3164"}, "/name"),
        ({"email": "<a@example.com>"}, "/email"),
        ({"email": "a@-example.com"}, "/email"),
        ({"email": "a..b@example.com"}, "/email"),
        ({"email": "a\u200b@example.com"}, "/email"),
        ({"password": "half \ud800 of a pair"}, "/password"),
    ],
)
async def test_what_nobody_could_see_or_write_to_is_refused_with_its_pointer(
    service: Service, change: dict[str, str], pointer: str
) -> None:
    body, headers = json.dumps(ZOE | change), {"Content-Type": "application/json"}
    answer = await service.client.post("/api/customers", content=body, headers=headers)
    assert refused(answer, 422, "invalid")
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert (await service.client.post("/api/customers", json=ZOE)).status_code == 201


@pytest.mark.parametrize("country", ["ZZ", "UK", "EU", "AA", "gb", "GBR", "\U0001d406\U0001d401"])
async def test_a_country_is_an_assigned_code(service: Service, country: str) -> None:
    someone = service.someone()
    body: dict[str, Any] = {"payment_token": "tok_visa", "shipping_address": ADDRESS | {"country": country}}
    answer = await someone.post("/api/checkout", body, key="k")
    assert refused(answer, 422, "invalid")
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/shipping_address/country"]
