"""Where settings come from, and which of them production mode refuses."""

from base64 import b64encode
from pathlib import Path
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from holdfast.service.credentials import DEMO_SERVICE_KEYS, DEMO_SERVICE_PUBLIC_KEYS
from holdfast.service.keys import (
    DEMO_CHECKPOINT_PRIVATE_KEY,
    DEMO_PRIVATE_KEY,
    DEMO_PUBLIC_KEY,
    KeyInvalid,
    key_bytes,
    private_key,
    public_key,
)
from holdfast.service.settings import ServiceSettings, load

_PAIR = Ed25519PrivateKey.generate()
PRIVATE = _PAIR.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
PUBLIC = _PAIR.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
SERVICE_PRIVATE = b64encode(_PAIR.private_bytes_raw()).decode()
SERVICE_PUBLIC = f"gateway={b64encode(_PAIR.public_key().public_bytes_raw()).decode()}"


class Settings(ServiceSettings):
    port: int = 1
    service_private_key: str = SERVICE_PRIVATE
    token_private_key: str = ""
    checkpoint_private_key: str = ""
    admin_password: str = ""
    postgres_dsn: str = ""
    postgres_owner_dsn: str = ""


def refused(capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as ended:
        load(Settings)
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    return said


def test_a_file_in_the_secrets_directory_is_a_setting_and_the_environment_comes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ADMIN_PASSWORD").write_text("of the file\n")
    (tmp_path / "postgres_dsn").write_text("of the file")
    monkeypatch.setenv("SECRETS_DIR", str(tmp_path))
    monkeypatch.setenv("POSTGRES_DSN", "of the environment")
    monkeypatch.setenv("ADMIN_PASSWORD", "")  # as compose passes on what is not set
    settings = load(Settings)
    assert (settings.admin_password, settings.postgres_dsn) == ("of the file", "of the environment")


def test_a_secrets_directory_that_is_not_there_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SECRETS_DIR", str(tmp_path / "none"))
    assert "SECRETS_DIR" in refused(capsys)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TOKEN_PUBLIC_KEY", DEMO_PUBLIC_KEY),
        ("TOKEN_PUBLIC_KEY", "\n\n" + DEMO_PUBLIC_KEY.replace("\n", "\\n")),
        ("TOKEN_PRIVATE_KEY", DEMO_PRIVATE_KEY),
        ("TOKEN_PRIVATE_KEY", DEMO_PRIVATE_KEY.replace("\n", "\r\n")),
        ("TOKEN_PRIVATE_KEY", DEMO_CHECKPOINT_PRIVATE_KEY),
        ("CHECKPOINT_PRIVATE_KEY", DEMO_CHECKPOINT_PRIVATE_KEY.strip()),
        ("CHECKPOINT_PRIVATE_KEY", DEMO_PRIVATE_KEY),
        ("SERVICE_PRIVATE_KEY", DEMO_SERVICE_KEYS["gateway"]),
        ("SERVICE_PRIVATE_KEY", f" {DEMO_SERVICE_KEYS['tools']}\n"),
        ("SERVICE_PUBLIC_KEYS", DEMO_SERVICE_PUBLIC_KEYS),
        ("SERVICE_PUBLIC_KEYS", " , ".join(reversed(DEMO_SERVICE_PUBLIC_KEYS.split(",")))),
        ("SERVICE_PUBLIC_KEYS", f"{SERVICE_PUBLIC},{DEMO_SERVICE_PUBLIC_KEYS.split(',')[-1]}"),
        ("ADMIN_PASSWORD", "holdfast-admin"),
        ("ADMIN_PASSWORD", " holdfast-admin\n"),
        ("POSTGRES_DSN", "postgresql://holdfast_service:holdfast-service@db/holdfast"),
        ("POSTGRES_DSN", "postgresql://another:holdfast@db/holdfast"),
        ("POSTGRES_DSN", f"postgresql://another:{''.join(f'%{ord(one):x}' for one in 'holdfast')}@db/holdfast"),
        ("POSTGRES_DSN", "postgresql://db/holdfast?user=x&password=holdfast"),
        ("POSTGRES_OWNER_DSN", "postgresql://holdfast:holdfast@db/holdfast"),
    ],
)
def test_production_refuses_a_demo_secret_however_it_is_written(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    own = {"MODE": "production", "TOKEN_PUBLIC_KEY": PUBLIC, "SERVICE_PUBLIC_KEYS": SERVICE_PUBLIC}
    for setting, text in (own | {name: value}).items():
        monkeypatch.setenv(setting, text)
    said = refused(capsys)
    assert name in said
    assert "not allowed in production mode" in said
    monkeypatch.setenv("MODE", "demo")
    load(Settings)


def test_production_takes_secrets_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    own = {
        "MODE": "production",
        "TOKEN_PUBLIC_KEY": PUBLIC,
        "TOKEN_PRIVATE_KEY": PRIVATE,
        "CHECKPOINT_PRIVATE_KEY": PRIVATE,
        "SERVICE_PUBLIC_KEYS": SERVICE_PUBLIC,
        "ADMIN_PASSWORD": "holdfast-admin-2",
        "POSTGRES_DSN": f"postgresql://holdfast:{quote('p/ä@ss', safe='')}@holdfast/holdfast",
    }
    for name, value in own.items():
        monkeypatch.setenv(name, value)
    assert load(Settings).mode == "production"


def test_the_halves_of_a_pair_have_the_same_bytes_and_what_is_no_key_has_none() -> None:
    assert key_bytes(PRIVATE) == key_bytes(PUBLIC) != ""
    assert key_bytes("PRIVATE") == key_bytes("nonsense") == ""


@pytest.mark.parametrize("pem", ["", "nonsense", PUBLIC])
def test_what_is_no_private_key_is_refused(pem: str) -> None:
    with pytest.raises(KeyInvalid):
        private_key(pem)


@pytest.mark.parametrize("pem", ["", "nonsense", PRIVATE])
def test_what_is_no_public_key_is_refused(pem: str) -> None:
    with pytest.raises(KeyInvalid):
        public_key(pem)
