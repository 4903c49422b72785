"""The process itself: `python -m command_service`."""

from pathlib import Path

import httpx
import pytest

from holdfast.testing.credentials import AsService
from holdfast.testing.processes import ServiceProcess, refused_start

NOWHERE = {"POSTGRES_DSN": "postgresql://holdfast:holdfast@127.0.0.1:1/holdfast", "PAYMENT_URLS": "http://127.0.0.1:1"}


def test_the_process_lives_with_every_dependency_down(tmp_path: Path) -> None:
    process = ServiceProcess("command_service", {**NOWHERE, "REPLICA": "command-1"}, tmp_path / "log")
    process.start()
    try:
        status = httpx.get(f"{process.url}/status", auth=AsService("tools", "command-service")).json()
        assert (status["service"], status["replica"], status["state"]) == ("command-service", "command-1", "degraded")
        assert httpx.get(f"{process.url}/readyz").status_code == 503
        assert "http_requests_total" in httpx.get(f"{process.url}/metrics").text
        assert httpx.get(f"{process.url}/api/cart", auth=AsService("gateway", "command-service")).status_code == 401
    finally:
        process.kill()


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"POSTGRES_POOL_SIZE": "none"}, "POSTGRES_POOL_SIZE"),
        ({"PORT": "0"}, "PORT"),
        ({"TOKEN_PUBLIC_KEY": "nonsense"}, "TOKEN_PUBLIC_KEY"),
        ({"MODE": "production"}, "TOKEN_PUBLIC_KEY"),
    ],
)
def test_a_wrong_setting_stops_the_start_with_one_line_that_names_it(wrong: dict[str, str], named: str) -> None:
    assert named in refused_start("command_service", NOWHERE | wrong)
