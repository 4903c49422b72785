"""A service says who it is by a token of its own, and a service lets in only those that may call it."""

import base64
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx
import jwt
import pytest
from fastapi import APIRouter

from holdfast.service import credentials as module
from holdfast.service.app import create_app
from holdfast.service.credentials import (
    DEMO_SERVICE_KEYS,
    DEMO_SERVICE_PUBLIC_KEYS,
    HEADER,
    CredentialInvalid,
    ServiceKeyInvalid,
    Signer,
    Verifier,
    service_private_key,
    service_public_keys,
)
from holdfast.service.keys import DEMO_PRIVATE_KEY
from holdfast.service.settings import ServiceSettings
from holdfast.service.tokens import TokenSigner

KEYS = service_public_keys(DEMO_SERVICE_PUBLIC_KEYS)
GATEWAY = service_private_key(DEMO_SERVICE_KEYS["gateway"])


def signer(name: str = "gateway", key_of: str | None = None) -> Signer:
    return Signer(name, DEMO_SERVICE_KEYS[key_of or name])


def test_a_demo_key_belongs_to_each_name() -> None:
    assert set(KEYS) == set(DEMO_SERVICE_KEYS)
    for name in KEYS:
        assert Verifier("there", KEYS).verify(signer(name).token("there")) == name


def test_a_token_serves_for_half_a_minute_and_is_made_anew_then(monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time()
    monkeypatch.setattr(module.time, "time", lambda: now)
    mine = signer()
    first = mine.token("there")
    now += 29
    assert mine.token("there") == first
    assert mine.token("elsewhere") != first
    now += 2
    assert mine.token("there") != first


def test_a_token_that_has_expired_is_refused_though_it_was_good(monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time()
    monkeypatch.setattr(module.time, "time", lambda: now)
    verifier, token = Verifier("there", KEYS), signer().token("there")
    assert verifier.verify(token) == "gateway"
    now += 70
    with pytest.raises(CredentialInvalid, match="expired"):
        verifier.verify(token)


@pytest.mark.parametrize(
    "token",
    [
        "",
        "nonsense",
        "a.b.c",
        signer().token("elsewhere"),
        signer("gateway", key_of="tools").token("there"),
        Signer("stranger", DEMO_SERVICE_KEYS["tools"]).token("there"),
        TokenSigner(DEMO_PRIVATE_KEY).sign("someone", "admin", datetime.now(UTC))[0],
        jwt.encode({"iss": "gateway", "aud": "there", "exp": time.time() - 60}, GATEWAY, "EdDSA"),
        jwt.encode({"iss": "gateway", "aud": "there"}, GATEWAY, "EdDSA"),
        jwt.encode({"iss": "gateway", "aud": "there", "exp": time.time() + 60}, "secret" * 8, "HS256"),
        jwt.encode({"iss": "gateway", "aud": "there", "exp": time.time() + 60}, None, "none"),
    ],
)  # fmt: skip
def test_what_is_not_signed_by_a_known_service_for_this_one_is_refused(token: str) -> None:
    with pytest.raises(CredentialInvalid):
        Verifier("there", KEYS).verify(token)


@pytest.mark.parametrize(
    "key", ["", "short", "!" * 44, base64.b64encode(b"x" * 31).decode(), base64.b64encode(b"x" * 33).decode()]
)
def test_a_key_is_32_bytes_in_base64(key: str) -> None:
    with pytest.raises(ServiceKeyInvalid):
        service_private_key(key)
    with pytest.raises(ServiceKeyInvalid):
        service_public_keys(f"gateway={key}")


@pytest.mark.parametrize("keys", ["gateway", "=x", f"{DEMO_SERVICE_PUBLIC_KEYS},{DEMO_SERVICE_PUBLIC_KEYS}"])
def test_public_keys_have_names_once_each(keys: str) -> None:
    with pytest.raises(ServiceKeyInvalid):
        service_public_keys(keys)


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    router = APIRouter()

    async def told() -> dict[str, bool]:
        return {"ok": True}

    for path in ("/api/things", "/charges/1", "/journal"):
        router.add_api_route(path, told)
    callers = {"": frozenset({"gateway"}), "/charges/": frozenset({"settlement"}), "/journal": frozenset({"tools"})}
    app = create_app("there", ServiceSettings(port=1), routers=[router], callers=callers)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://there") as made:
        yield made


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/api/things", {"gateway"}),
        ("/charges/1", {"settlement"}),
        ("/journal", {"tools"}),
        ("/status", {"gateway", "tools"}),
        ("/protections", {"gateway"}),
        ("/healthz", set(KEYS)),
        ("/readyz", set(KEYS)),
        ("/metrics", set(KEYS)),
        ("/nowhere", {"gateway"}),
    ],
)
async def test_each_path_is_for_those_that_are_named(client: httpx.AsyncClient, path: str, allowed: set[str]) -> None:
    for name in KEYS:
        answer = await client.get(path, headers=dict([signer(name).header("there")]))
        assert (answer.status_code != 403) is (name in allowed), (path, name, answer.text)
        if name not in allowed:
            assert answer.json()["code"] == "service-forbidden"
            assert answer.headers["www-authenticate"] == "Service"
    bare: Any = await client.get(path)
    assert (bare.status_code == 401) is (allowed != set(KEYS))


async def test_a_customers_token_is_no_credential(client: httpx.AsyncClient) -> None:
    token, _ = TokenSigner(DEMO_PRIVATE_KEY).sign("someone", "admin", datetime.now(UTC))
    for headers in ({"Authorization": f"Bearer {token}"}, {HEADER: token}):
        answer = await client.get("/status", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "service-unauthenticated")


async def test_without_callers_nobody_may_call_anything_but_health_and_status() -> None:
    app = create_app("there", ServiceSettings(port=1))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://there") as client:
        headers = dict([signer().header("there")])
        assert (await client.get("/nowhere", headers=headers)).status_code == 403
        assert (await client.get("/status", headers=headers)).status_code == 200
        assert (await client.get("/healthz")).status_code == 200
