"""No process has a secret in its environment that it does not use, in either way to run."""

import contextlib
import os
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml  # type: ignore[import-untyped]

from embedded import services
from embedded.control import NotRunning
from embedded.stack import Stack
from holdfast.service.credentials import DEMO_SERVICE_KEYS
from holdfast.service.keys import DEMO_CHECKPOINT_PRIVATE_KEY, DEMO_PRIVATE_KEY

COMPOSE = Path(__file__).parents[2] / "docker-compose.yml"
CONTAINERS = {
    "command-service": "command-1",
    "outbox-relay": "relay",
    "settlement": "settlement",
    "migrations": "migrations",
    "gateway": "gateway-1",
    "query-service": "query-1",
    "projector-service": "projector",
    "payment-service": "payment",
}
TOOLS = {
    "tools": {"POSTGRES_DSN", "ADMIN_PASSWORD", "SERVICE_PRIVATE_KEY"},
    "catalogue": {"ADMIN_PASSWORD"},
    "load": {"ADMIN_PASSWORD"},
}
"""What acts as an operator does: it signs in as the admin, and compares the stores."""


def may_have(name: str) -> set[str]:
    return {secret for secret, kinds in services.SECRETS.items() if any(name.startswith(kind) for kind in kinds)}


@pytest.mark.skipif(not COMPOSE.exists(), reason="there is no docker-compose.yml")
def test_each_container_is_told_the_secrets_that_it_uses_and_no_other() -> None:
    containers: Mapping[str, Any] = yaml.safe_load(COMPOSE.read_text())["services"]
    told = {name: set(one.get("environment", {})) & set(services.SECRETS) for name, one in containers.items()}
    wanted = {name: may_have(part) for name, part in CONTAINERS.items()} | TOOLS
    assert told == {name: wanted.get(name, set()) for name in containers}


@pytest.mark.skipif(not COMPOSE.exists(), reason="there is no docker-compose.yml")
def test_the_password_of_the_owner_stands_with_migrations_and_postgresql_alone() -> None:
    containers: Mapping[str, Any] = yaml.safe_load(COMPOSE.read_text())["services"]
    found = {name for name, one in containers.items() if "POSTGRES_OWNER_PASSWORD" in yaml.safe_dump(one, width=10_000)}
    assert found == {"migrations", "postgres"}
    with_role = {
        name for name, one in containers.items() if "POSTGRES_SERVICE_PASSWORD" in yaml.safe_dump(one, width=10_000)
    }
    assert with_role == {"command-service", "outbox-relay", "settlement", "migrations", "tools"}


@pytest.mark.stores
def test_each_local_process_has_the_secrets_that_it_uses_and_no_other() -> None:
    # The servers among them would take a minute to start and are told nothing by the services' settings; the two keys
    # have to be ones, or their processes would not start.
    given = {secret: f"secret {secret}" for secret in services.SECRETS}
    given["TOKEN_PRIVATE_KEY"], given["CHECKPOINT_PRIVATE_KEY"] = DEMO_PRIVATE_KEY, DEMO_CHECKPOINT_PRIVATE_KEY
    given["SERVICE_PRIVATE_KEY"] = DEMO_SERVICE_KEYS["gateway"]
    given["POSTGRES_DSN"] = given["POSTGRES_OWNER_DSN"] = "postgresql://nobody:secret@127.0.0.1:1/none"
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="holdfast-secrets-") as directory:
        Path(directory).chmod(0o755)
        stack = Stack(Path(directory), processes=["postgres", *services.MODULES], env=given, tied_to=os.getpid())
        stack.begin()
        try:
            found = {row["name"]: secrets_of(row["pid"]) for row in started(stack)}
        finally:
            stack.stop()
    assert found == {name: may_have(name) for name in ("postgres", *services.MODULES)}


def started(stack: Stack, within_s: float = 60) -> list[dict[str, Any]]:
    """The rows of all processes once each has a number."""
    ends_at = time.monotonic() + within_s
    while time.monotonic() < ends_at:
        with contextlib.suppress(NotRunning):
            rows = stack.status()
            if all(row["pid"] for row in rows):
                return rows
        time.sleep(0.1)
    raise AssertionError("not every process was started in time")


def secrets_of(pid: int) -> set[str]:
    return set(psutil.Process(pid).environ()) & set(services.SECRETS)
