"""`holdfast-secrets` makes what production mode takes."""

import subprocess
import sys
from collections.abc import Mapping

import pytest

from command_service.maintenance.settings import MaintenanceSettings
from command_service.settings import Settings
from gateway.settings import GatewaySettings
from holdfast.service.settings import ServiceSettings, load
from holdfast_tools.production_secrets import made, main

CASES: Mapping[str, Mapping[str, str]] = {
    "gateway": {"SERVICE_PRIVATE_KEY": "{GATEWAY_SERVICE_KEY}"},
    "command_service": {
        "POSTGRES_DSN": "postgresql://holdfast_service:{POSTGRES_SERVICE_PASSWORD}@127.0.0.1:1/x",
        "SERVICE_PRIVATE_KEY": "{COMMAND_SERVICE_KEY}",
    },
    "command_service.entrypoints.migrations": {
        "POSTGRES_DSN": "postgresql://holdfast_service:{POSTGRES_SERVICE_PASSWORD}@127.0.0.1:1/x",
        "POSTGRES_OWNER_DSN": "postgresql://holdfast:{POSTGRES_OWNER_PASSWORD}@127.0.0.1:1/x",
    },
}


SETTINGS: Mapping[str, type[ServiceSettings]] = {
    "gateway": GatewaySettings,
    "command_service": Settings,
    "command_service.entrypoints.migrations": MaintenanceSettings,
}


@pytest.mark.parametrize("module", CASES)
def test_production_starts_with_them(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    own = made()
    for name, value in {**own, **{name: dsn.format(**own) for name, dsn in CASES[module].items()}}.items():
        monkeypatch.setenv(name, value)
    assert load(SETTINGS[module]).mode == "production"


def test_they_are_new_each_time_and_one_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition("=")[0] for line in lines] == list(made())
    assert all(line.partition("=")[2][0] == line[-1] == '"' for line in lines)
    assert not set(lines[1:]) & {f'{name}="{value}"' for name, value in made().items()}


def test_bad_usage_is_one_line_and_code_2() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", "from holdfast_tools.production_secrets import main; main()", "more"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 2
    assert ended.stdout == ""
