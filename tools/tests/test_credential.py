"""`holdfast-credential` prints a header that services take."""

import pytest

from holdfast.service.credentials import DEMO_SERVICE_PUBLIC_KEYS, Verifier, service_public_keys
from holdfast_tools.credential import main


def test_the_header_is_verified_by_its_service(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["settlement"]) == 0
    name, _, token = capsys.readouterr().out.strip().partition(": ")
    verifier = Verifier("settlement", service_public_keys(DEMO_SERVICE_PUBLIC_KEYS))
    assert (name, verifier.verify(token)) == ("X-Service-Token", "tools")


@pytest.mark.parametrize("key", ["short", "ä" * 32, "AAAA"])
def test_an_invalid_key_is_one_line(
    key: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SERVICE_PRIVATE_KEY", key)
    assert main(["settlement"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == "holdfast-credential: SERVICE_PRIVATE_KEY: a service's key is 32 bytes in base64\n"


def test_an_unknown_service_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["postgres"])
    assert ended.value.code == 2
    assert "invalid choice" in capsys.readouterr().err
