"""The command line: bad input is one line and exit code 2, before anything starts."""

from pathlib import Path

import pytest

from gameday.ab import command


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("--parts controls,luck", "there is no part 'luck'; there are comparison, controls, ablation"),
        ("--parts ''", "there is no part"),
        ("--repeats 0", "'0' is no whole number from 1 to 20"),
        ("--repeats many", "'many' is no whole number"),
        ("--rate fast", "'fast' is no number"),
        ("--rate 0", "0 is not from 1 to 1000 arrivals a second"),
        ("--rate nan", "nan is not from 1 to 1000"),
        ("--seed -1", "'-1' is no whole number"),
        ("--on moon", "argument --on: invalid choice: 'moon'"),
        ("now", "unrecognized arguments: now"),
        ("--on docker", "docker cannot be run: No such file or directory"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    line: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOLDFAST_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("PATH", str(tmp_path))
    code, said = run([*line.split(), "--reports", str(tmp_path / "reports")], capsys)
    assert code == 2
    assert says in said
    assert len(said.splitlines()) == 1
    assert not list((tmp_path / "reports").glob("*"))
    assert not (tmp_path / "state").exists()


def test_a_folder_that_cannot_be_written_is_found_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOLDFAST_STATE", str(tmp_path / "state"))
    (tmp_path / "file").touch()
    code, said = run(["--reports", str(tmp_path / "file" / "reports")], capsys)
    assert code == 2
    assert "cannot be written: Not a directory" in said
    assert not (tmp_path / "state").exists()


def run(line: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int | str | None, str]:
    try:
        code: int | str | None = command.main(line)
    except SystemExit as ended:
        code = ended.code
    return code, capsys.readouterr().err
