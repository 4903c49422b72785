"""The command line: bad input is one line and a non-zero exit."""

import subprocess
import sys
from pathlib import Path

import pytest

from embedded import services
from embedded.cli import main


def holdfast(state: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command, *rest = arguments
    line = [sys.executable, "-m", "embedded", command, "--state", str(state), *rest]
    return subprocess.run(line, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("status",), "no stack runs"),
        (("down",), "no stack runs"),
        (("kill", "relay"), "no stack runs"),
        (("psql",), "no stack runs"),
        (("run", "true"), "no stack runs"),
        (("run",), "run what?"),
        (("logs", "relay"), "relay has no log"),
        (("partition", "relay"), "need Docker"),
        (("delay", "relay"), "need Docker"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    tmp_path: Path, arguments: tuple[str, ...], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command, *rest = arguments
    with pytest.raises(SystemExit) as ended:
        main([command, "--state", str(tmp_path), *rest])
    assert says in str(ended.value.code)
    assert "\n" not in str(ended.value.code)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("up", "--only", "relay,nobody"), "there is no 'nobody'"),
        (("up", "--ports", "relay=x"), "'relay=x' is not NAME=PORT"),
        (("pause", "relay", "--for", "long"), "invalid float value: 'long'"),
    ],
)
def test_an_argument_that_makes_no_sense_is_named(
    tmp_path: Path, arguments: tuple[str, ...], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command, *rest = arguments
    with pytest.raises(SystemExit) as ended:
        main([command, "--state", str(tmp_path), *rest])
    assert ended.value.code == 2
    assert says in capsys.readouterr().err


def test_a_command_finds_the_stack_in_its_environment(tmp_path: Path) -> None:
    begun = subprocess.Popen([sys.executable, "-m", "embedded", "up", "--state", str(tmp_path), "--only", "payment"])
    try:
        for _ in range(200):
            ran = holdfast(tmp_path, "run", "sh", "-c", "echo $PAYMENT_URLS; exit 3")
            if ran.returncode == 3:
                break
        assert ran.stdout.startswith("http://127.0.0.1:")
        assert ran.returncode == 3
        assert "command not found" not in holdfast(tmp_path, "status").stdout
        assert "a stack runs already" in holdfast(tmp_path, "up").stderr
        assert holdfast(tmp_path, "up").returncode == 1
        assert holdfast(tmp_path, "reset").returncode == 1
        assert holdfast(tmp_path, "down").returncode == 0
        assert begun.wait(10) == 0
    finally:
        begun.kill()
    assert "payment" in holdfast(tmp_path, "logs", "payment", "-n", "3").stdout


def test_addresses_are_given_for_what_runs_and_only_for_that() -> None:
    settings = services.addresses({"kafka": 1, "kafka-controller": 2, "command-1": 3, "command-2": 4, "gateway-1": 5})
    assert settings == {
        "KAFKA_BOOTSTRAP": "127.0.0.1:1",
        "COMMAND_URLS": "http://127.0.0.1:3,http://127.0.0.1:4",
        "GATEWAY_URLS": "http://127.0.0.1:5",
        "STATUS_URLS": "command-1=http://127.0.0.1:3,command-2=http://127.0.0.1:4,gateway-1=http://127.0.0.1:5",
    }
