"""Protections as every process has them: by setting, and switched live in demo mode."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from fastapi import APIRouter

from holdfast.resilience.protections import ALL, PROTECTIONS
from holdfast.service.app import create_app, make_server
from holdfast.service.context import current
from holdfast.service.credentials import DEMO_SERVICE_KEYS, Signer
from holdfast.service.keys import DEMO_PRIVATE_KEY
from holdfast.service.settings import ServiceSettings, load
from holdfast.service.tokens import Role, TokenSigner
from holdfast.testing.credentials import AsService

router = APIRouter()
SwitchOff = Callable[..., None]


class Settings(ServiceSettings):
    port: int = 1
    replica: str = "one"


@router.get("/left")
async def left() -> dict[str, int]:
    return {"ms": current().deadline.remaining_ms()}


@router.get("/slow")
async def slow() -> dict[str, int]:
    await asyncio.sleep(0.3)
    return {}


@asynccontextmanager
async def calling(**settings: Any) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app("test", Settings(**settings), routers=[router], total_s=lambda _method, _path: 0.2, callers=None)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://shop", trust_env=False, auth=AS_GATEWAY) as http:
        yield http


AS_GATEWAY = AsService("gateway", "test")


def bearer(role: Role) -> dict[str, str]:
    token, _ = TokenSigner(DEMO_PRIVATE_KEY).sign("somebody", role, datetime.now(UTC))
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.parametrize(
    ("env", "off"),
    [
        ({}, set()),
        ({"CONTAINMENT": "on", "PROTECTIONS_OFF": "cache, breaker"}, {"breaker", "cache"}),
        ({"CONTAINMENT": "off"}, set(ALL)),
        ({"CONTAINMENT": "off", "PROTECTIONS_OFF": "cache"}, set(ALL)),
        ({"PROTECTIONS_OFF": ""}, set()),
    ],
)
def test_settings_say_what_is_off(env: dict[str, str], off: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert load(Settings).switched_off == off


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [("PROTECTIONS_OFF", "cache,breakers", "'breakers' is no protection"), ("CONTAINMENT", "maybe", "'on' or 'off'")],
)
def test_a_wrong_name_stops_the_start_in_one_line(
    name: str, value: str, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit):
        load(Settings)
    line = capsys.readouterr().err
    assert line.startswith(f"cannot start: {name}: ")
    assert said in line
    assert line.count("\n") == 1


async def test_an_administrator_switches_and_everybody_sees() -> None:
    async with calling() as client:
        everything = {"service": "test", "replica": "one", "off": []}
        assert (await client.get("/protections")).json() == everything
        put = await client.put("/protections", json={"off": ["cache", "breaker"]}, headers=bearer("admin"))
        assert (put.status_code, put.json()) == (200, everything | {"off": ["breaker", "cache"]})
        assert (await client.get("/protections")).json() == put.json()
        assert (await client.get("/status")).json()["protections_off"] == ["breaker", "cache"]
        assert "cache" not in PROTECTIONS.on
        for wanted, off in (({"containment": "off"}, list(ALL)), ({"containment": "on"}, []), ({"off": []}, [])):
            assert (await client.put("/protections", json=wanted, headers=bearer("admin"))).json()["off"] == off


@pytest.mark.parametrize(("role", "status"), [(None, 401), ("guest", 403), ("customer", 403)])
async def test_nobody_else_may_switch(role: Any, status: int) -> None:
    async with calling() as client:
        headers = bearer(role) if role else {}
        refused = await client.put("/protections", json={"containment": "off"}, headers=headers)
    assert (refused.status_code, PROTECTIONS.off) == (status, [])


@pytest.mark.parametrize(
    "wanted",
    [{}, {"off": ["breakers"]}, {"off": "breaker"}, {"off": None}, {"containment": "maybe"}, {"on": ["breaker"]},
     {"off": [], "containment": "on"}],
)  # fmt: skip
async def test_what_is_no_wish_is_422_and_changes_nothing(wanted: object, switch_off: SwitchOff) -> None:
    switch_off("cache")
    async with calling() as client:
        answer = await client.put("/protections", json=wanted, headers=bearer("admin"))
    assert (answer.status_code, answer.json()["code"], PROTECTIONS.off) == (422, "invalid", ["cache"])


async def test_in_production_there_are_no_switches(switch_off: SwitchOff) -> None:
    switch_off("cache")
    async with calling(mode="production") as client:
        assert (await client.get("/protections")).status_code == 404
        put = await client.put("/protections", json={"containment": "off"}, headers=bearer("admin"))
    assert (put.status_code, PROTECTIONS.off) == (404, ["cache"])


async def test_without_deadlines_none_is_obeyed_and_work_runs_on(switch_off: SwitchOff) -> None:
    async with calling() as client:
        assert (await client.get("/slow")).status_code == 504
        assert (await client.get("/left", headers={"X-Request-Timeout-Ms": "100"})).json()["ms"] <= 100
        switch_off("deadline")
        assert (await client.get("/slow", headers={"X-Request-Timeout-Ms": "100"})).status_code == 200
        assert (await client.get("/left", headers={"X-Request-Timeout-Ms": "100"})).json()["ms"] > 50_000
        assert (await client.get("/left", headers={"X-Request-Timeout-Ms": "soon"})).status_code == 422


async def test_a_switch_that_is_read_after_its_caller_went_does_nothing() -> None:
    """As in a process that was paused: the loop sees the request and the closed connection at the same time."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    app = create_app("test", Settings())
    server = make_server(app, Settings())
    serving = asyncio.create_task(server.serve([listening]))
    while not server.started:  # noqa: ASYNC110  # uvicorn has no event for it
        await asyncio.sleep(0.005)
    body = b'{"containment": "off"}'
    head = f"PUT /protections HTTP/1.1\r\nHost: x\r\nAuthorization: {bearer('admin')['Authorization']}\r\n"
    name, token = Signer("gateway", DEMO_SERVICE_KEYS["gateway"]).header("test")
    head += f"{name}: {token}\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    for waits, off in ((False, []), (True, list(ALL))):
        with socket.create_connection(listening.getsockname()) as caller:  # the loop stands still
            caller.sendall(head.encode() + body)
            if waits:
                await asyncio.sleep(0.2)
        await asyncio.sleep(0.2)
        assert PROTECTIONS.off == off
    server.should_exit = True
    await serving
