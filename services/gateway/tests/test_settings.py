"""A wrong setting stops the start with one line that names the variable."""

import base64
from collections.abc import Mapping

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from gateway.bootstrap import build
from gateway.settings import GatewaySettings, parse_status_urls
from holdfast.service.credentials import DEMO_SERVICE_KEYS, DEMO_SERVICE_PUBLIC_KEYS
from holdfast.service.settings import load
from holdfast.testing.processes import refused_start

_KEY = Ed25519PrivateKey.generate()
PRIVATE = _KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
PUBLIC = _KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
SERVICE_PRIVATE = base64.b64encode(_KEY.private_bytes_raw()).decode()
SERVICE_PUBLIC = f"gateway={base64.b64encode(_KEY.public_key().public_bytes_raw()).decode()}"
OWN = {
    "TOKEN_PRIVATE_KEY": PRIVATE,
    "TOKEN_PUBLIC_KEY": PUBLIC,
    "SERVICE_PRIVATE_KEY": SERVICE_PRIVATE,
    "SERVICE_PUBLIC_KEYS": SERVICE_PUBLIC,
}


@pytest.mark.parametrize(
    ("env", "variable"),
    [
        ({"MODE": "production"}, "TOKEN_PUBLIC_KEY"),
        ({"MODE": "production", "TOKEN_PUBLIC_KEY": PUBLIC}, "TOKEN_PRIVATE_KEY"),
        (OWN | {"MODE": "production", "SERVICE_PRIVATE_KEY": ""}, "SERVICE_PRIVATE_KEY"),
        (OWN | {"MODE": "production", "SERVICE_PRIVATE_KEY": DEMO_SERVICE_KEYS["gateway"]}, "SERVICE_PRIVATE_KEY"),
        (OWN | {"MODE": "production", "SERVICE_PUBLIC_KEYS": ""}, "SERVICE_PUBLIC_KEYS"),
        (
            OWN
            | {
                "MODE": "production",
                "SERVICE_PUBLIC_KEYS": f"{SERVICE_PUBLIC},{DEMO_SERVICE_PUBLIC_KEYS.split(',')[-1]}",
            },
            "SERVICE_PUBLIC_KEYS",
        ),
        ({"SERVICE_PRIVATE_KEY": "no key"}, "SERVICE_PRIVATE_KEY"),
        ({"SERVICE_PUBLIC_KEYS": "gateway"}, "SERVICE_PUBLIC_KEYS"),
        ({"MODE": "test"}, "MODE"),
        ({"PORT": "0"}, "PORT"),
        ({"TOKEN_PRIVATE_KEY": "no key"}, "TOKEN_PRIVATE_KEY"),
        ({"TOKEN_PUBLIC_KEY": "no key"}, "TOKEN_PUBLIC_KEY"),
        ({"TOKEN_PUBLIC_KEY": PUBLIC}, "TOKEN_PUBLIC_KEY"),
        ({"COMMAND_URLS": "command-service"}, "COMMAND_URLS"),
        ({"QUERY_URLS": "http://one,ftp://two"}, "QUERY_URLS"),
        ({"STATUS_URLS": "http://127.0.0.1:1"}, "STATUS_URLS"),
        ({"STATUS_URLS": "one=nowhere"}, "STATUS_URLS"),
        ({"RATE_PER_S": "fast"}, "RATE_PER_S"),
    ],
)
def test_the_start_is_refused_in_one_line(
    env: Mapping[str, str], variable: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as ended:
        build(load(GatewaySettings))
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert variable in said


def test_the_process_itself_ends_with_that_line_and_code_2() -> None:
    said = refused_start("gateway", {"MODE": "production"})
    assert said.startswith("cannot start: TOKEN_PUBLIC_KEY")


def test_production_starts_with_keys_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (OWN | {"MODE": "production"}).items():
        monkeypatch.setenv(name, value)
    assert build(load(GatewaySettings)).title == "Holdfast"


def test_secrets_are_not_shown_with_the_settings() -> None:
    assert PRIVATE.splitlines()[1] not in repr(GatewaySettings(token_private_key=PRIVATE))


def test_status_urls_are_pairs() -> None:
    text = " gateway=http://127.0.0.1:8080 , relay = dns+http://relay:8131,"
    assert parse_status_urls(text) == [("gateway", "http://127.0.0.1:8080"), ("relay", "dns+http://relay:8131")]
