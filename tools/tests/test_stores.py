"""Settings of the tools, read from the environment."""

import pytest

from holdfast.service.keys import DEMO_CHECKPOINT_PUBLIC_KEY
from holdfast.service.settings import read
from holdfast_tools.stores import StoreSettings


def test_a_variable_that_compose_passes_on_empty_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CHECKPOINT_PUBLIC_KEY", "POSTGRES_DSN", "NAMESPACE"):
        monkeypatch.setenv(name, "")
    settings = read(StoreSettings)
    assert settings.checkpoint_public_key == DEMO_CHECKPOINT_PUBLIC_KEY
    assert settings.postgres_dsn.startswith("postgresql://holdfast_service:")


def test_a_wrong_setting_is_one_line_and_code_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SECRETS_DIR", "/nowhere")
    with pytest.raises(SystemExit) as ended:
        read(StoreSettings)
    assert ended.value.code == 2
    assert capsys.readouterr().err == "cannot start: SECRETS_DIR: /nowhere is not a directory\n"
