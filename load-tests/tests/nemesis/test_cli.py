"""The command line: bad input is one line and exit code 2."""

from pathlib import Path

import pytest

from gameday.nemesis import cli


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("kill", "the following arguments are required: PART"),
        ("dance payment", "invalid choice: 'dance'"),
        ("kill payment --for long", "argument --for: invalid float value: 'long'"),
        ("kill payment --for 0", "not 0"),
        ("kill payment --on moon", "argument --on: invalid choice: 'moon'"),
        ("slow payment --percent 100", "not 1"),
        ("latency payment", "the following arguments are required: --ms"),
        ("latency payment --ms 0", "not 0"),
        ("kill payment", "no stack runs in"),
        ("lift payment", "no stack runs in"),
        ("calm", "no stack runs in"),
        ("list", "no stack runs in"),
        ("kill payment --on docker", "docker cannot be run: No such file or directory"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    line: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOLDFAST_STATE", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    try:
        code = cli.main(line.split())
    except SystemExit as ended:
        code = ended.code
    said = capsys.readouterr().err
    assert code == 2
    assert says in said
    assert len(said.splitlines()) == 1
