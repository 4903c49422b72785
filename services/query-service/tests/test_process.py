"""The service as a process: it starts with nothing else running, ends when told to, and refuses wrong settings."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import orjson
import pytest

from holdfast.resilience.protections import ALL
from holdfast.testing.credentials import AsService
from holdfast.testing.processes import ServiceProcess, free_port, refused_start


def test_it_starts_with_every_dependency_down_and_serves_its_health(tmp_path: Path) -> None:
    env = {"ELASTICSEARCH_URL": f"http://127.0.0.1:{free_port()}", "REPLICA": "query-7"}
    process = ServiceProcess("query_service", env, tmp_path / "query.log").start()
    try:
        with httpx.Client(base_url=process.url, timeout=5) as client:
            assert client.get("/healthz").json()["replica"] == "query-7"
            ready = client.get("/readyz")
            assert (ready.status_code, ready.json()["dependencies"]) == (503, {"elasticsearch": "away"})
            assert client.get("/api/products", auth=AsService("gateway", "query-service")).status_code == 503
            assert client.get("/status", auth=AsService("tools", "query-service")).json()["service"] == "query-service"
            assert "query_read_model_age_seconds NaN" in client.get("/metrics").text
    finally:
        process.kill()


@pytest.mark.parametrize(
    ("env", "off"), [({"CONTAINMENT": "off"}, list(ALL)), ({"PROTECTIONS_OFF": "cache,breaker"}, ["breaker", "cache"])]
)
def test_it_starts_without_the_protections_that_its_settings_name_and_warns(
    tmp_path: Path, env: dict[str, str], off: list[str]
) -> None:
    log = tmp_path / "query.log"
    process = ServiceProcess("query_service", env | {"ELASTICSEARCH_URL": "http://127.0.0.1:1"}, log).start()
    try:
        assert (
            httpx.get(f"{process.url}/protections", timeout=5, auth=AsService("gateway", "query-service")).json()["off"]
            == off
        )
    finally:
        process.kill()
    (warning,) = [line for line in map(orjson.loads, log.read_bytes().splitlines()) if "protections" in line["event"]]
    assert (warning["event"], warning["level"], warning["off"]) == ("protections_off", "warning", off)


def test_it_ends_when_told_to() -> None:
    port = free_port()
    env = {**os.environ, "PORT": str(port), "ELASTICSEARCH_URL": f"http://127.0.0.1:{free_port()}"}
    process = subprocess.Popen([sys.executable, "-m", "query_service"], env=env, stdout=subprocess.DEVNULL)
    try:
        ends_s = time.monotonic() + 20
        while time.monotonic() < ends_s:
            try:
                httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=0.5)
                break
            except httpx.HTTPError:
                time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) in (0, -signal.SIGTERM)
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize(
    ("name", "value"),
    [("ELASTICSEARCH_URL", "search:9200"), ("TOKEN_PUBLIC_KEY", "no key"), ("PROTECTIONS_OFF", "breakers")],
)
def test_a_wrong_setting_stops_the_start_with_one_line_that_names_it(name: str, value: str) -> None:
    assert name in refused_start("query_service", {name: value})
