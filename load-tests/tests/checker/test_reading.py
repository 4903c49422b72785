"""Histories that are cut, mixed or none are refused in one line."""

import json
from pathlib import Path

import pytest

from gameday.checker.command import main
from written import Written


def _lines(path: Path) -> list[str]:
    written = Written()
    written.add(1, "i1", 1)
    written.view(2, 1, 1)
    return written.write(path).read_text().splitlines(keepends=True)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda lines: [], "does not begin with a run"),
        (lambda lines: lines[1:], "no event of a history"),
        (lambda lines: [*lines[:-1], lines[-1][:-9]], "is cut: its last line has no end"),
        (lambda lines: [*lines[:2], lines[3], lines[4]], None),
        (lambda lines: [lines[0], *lines[2:]], "completion of operation 1 has no place there"),
        (lambda lines: [*lines, lines[0].replace('"r"', '"other"')], "it holds the runs r and other"),
        (lambda lines: [*lines[:3], lines[2], *lines[3:]], "operation 1 has no place there"),
        (lambda lines: [*lines[:3], lines[4], lines[3]], "no place there"),
        (lambda lines: [*lines[:2], "not JSON\n"], "line 3: no JSON"),
        (lambda lines: [*lines[:2], "[1]\n"], "line 3: no event of a history"),
        (lambda lines: [*lines[:3], lines[3].replace('"mono": 2', '"mono": 0')], "time goes back at operation 2"),
    ],
)
def test_what_is_no_whole_history_is_refused(
    tmp_path: Path, change: object, says: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "history.jsonl"
    path.write_text("".join(change(_lines(path))))  # type: ignore[operator]
    code = main([str(tmp_path)])
    error = capsys.readouterr().err
    if says is None:  # a client that was killed leaves operations without an end
        assert code == 0
    else:
        assert (code, error.count("\n")) == (2, 1)
        assert says.replace("completion", json.loads(_lines(path)[2])["type"]) in error


def test_a_folder_without_one_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "nowhere")]) == 2
    assert capsys.readouterr().err.endswith("history.jsonl: No such file or directory\n")
