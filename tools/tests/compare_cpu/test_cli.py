"""Bad input is one line on stderr and exit code 2; a running shop is seen."""

import subprocess
import sys
from pathlib import Path

import pytest

from holdfast_tools.compare_cpu.cli import main


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["HEAD"], "NEW"),
        (["HEAD", "no-such-revision"], "'no-such-revision' is no commit"),
        (["no-such-revision", "HEAD"], "'no-such-revision' is no commit"),
        (["HEAD", "HEAD", "more"], "more"),
        (["HEAD", "HEAD", "--bar", "1"], "'1' is no number above 1"),
        (["HEAD", "HEAD", "--bar", "nan"], "'nan' is no number"),
        (["HEAD", "HEAD", "--bar", "inf"], "'inf' is no number"),
        (["HEAD", "HEAD", "--bar", "much"], "'much' is no number"),
        (["HEAD", "HEAD", "--minutes", "0"], "'0' is no number above 0"),
        (["HEAD", "HEAD", "--rounds", "0"], "'0' is no whole number"),
        (["HEAD", "HEAD", "--rounds", "1"], "at least 2 rounds"),
        (["HEAD", "HEAD", "--seed", "x"], "'x'"),
        (
            ["HEAD", "HEAD", "--journeys", "search,shopping"],
            "there is no journey 'shopping'; there are cached-product,",
        ),
        (["HEAD", "HEAD", "--journeys", ","], "there is no journey ','"),
        (["HEAD", "HEAD", "--json", "/no/such/directory/file"], "there is no such directory"),
    ],
)
def test_bad_arguments_are_refused_in_one_line(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code: object = main(arguments)
    except SystemExit as ended:
        code = ended.code
    printed = capsys.readouterr()
    assert code == 2
    assert printed.out == ""
    assert printed.err.startswith("compare-cpu: ")
    assert printed.err.count("\n") == 1
    assert said in printed.err


def test_a_shop_that_runs_is_seen_before_anything_is_set_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "gateway.py").write_text("import sys; print(1, flush=True); sys.stdin.readline()")
    command = [sys.executable, "-m", "gateway"]
    with subprocess.Popen(command, cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as gateway:
        assert gateway.stdout is not None
        gateway.stdout.readline()
        assert main(["HEAD", "HEAD", "--minutes", "0.001"]) == 2
        gateway.communicate(b"\n")
    said = capsys.readouterr().err
    assert said.startswith("compare-cpu: another shop runs on this machine")
    assert said.count("\n") == 1
