"""`holdfast-load` and `holdfast-capacity`: bad input is one line and exit code 2, and nothing is left behind."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gameday.workload import command, measure
from gameday.workload.folder import RunFolder
from gameday.workload.locust_run import run
from gameday.workload.records import Outcome, Record
from holdfast_tools.command_line import UserError
from shop_double import Serve, Told

Refused = Callable[..., str]
NOBODY = "http://127.0.0.1:9"


@pytest.fixture
def refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Refused:
    """Runs a command that must be refused; what it said."""
    monkeypatch.chdir(Path(__file__).parents[2])

    def attempt(main: Callable[[], int], *arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", ["command", *arguments])
        assert main() == 2
        said = capsys.readouterr()
        assert said.out == ""
        assert said.err.count("\n") == 1
        return said.err

    return attempt


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--rate", "0"), "--rate must be from 0.1 to 5000, not 0"),
        (("--rate=-3",), "--rate must be"),
        (("--rate", "nan"), "--rate must be"),
        (("--rate", "fast"), "--rate wants a number, not 'fast'"),
        (("--seconds", "0"), "--seconds must be"),
        (("--seconds", "inf"), "--seconds must be"),
        (("--seed", "1.5"), "--seed wants a whole number"),
        (("--tries", "0"), "--tries must be"),
        (("--mix", "shopping=1"), "no journey 'shopping'"),
        (("--url", "ftp://shop"), "--url wants"),
        (("--data", "nothing.csv"), "nothing.csv"),
        ((), "no shop answers at http://127.0.0.1:9: ConnectionRefusedError"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing_behind(
    refused: Refused, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    folder = tmp_path / "run"
    url = () if "--url" in arguments else ("--url", NOBODY)
    assert said in refused(command.main, "--out", str(folder), *url, *arguments)
    assert not folder.exists()


def test_a_folder_that_cannot_be_written_is_refused(refused: Refused, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "cannot be written" in refused(command.main, "--out", str(tmp_path / "file" / "run"), "--url", NOBODY)


def test_a_folder_with_a_run_in_it_is_refused_and_kept(refused: Refused, tmp_path: Path) -> None:
    (tmp_path / "requests.csv").write_text("kept")
    assert "holds a run already" in refused(command.main, "--out", str(tmp_path), "--url", NOBODY)
    assert (tmp_path / "requests.csv").read_text() == "kept"


def test_a_shop_without_its_catalogue_is_refused(refused: Refused, serve: Serve, tmp_path: Path) -> None:
    empty = serve(Told(404, {"code": "product-unknown"}))
    assert "make catalogue" in refused(command.main, "--out", str(tmp_path / "run"), "--url", empty.url)


def test_capacity_refuses_too(refused: Refused, tmp_path: Path) -> None:
    out, acks = ("--out", str(tmp_path / "capacity.json")), ("--acks", str(tmp_path / "acks.jsonl"))
    assert "no shop answers" in refused(measure.main, *out, *acks, "--url", NOBODY)
    assert "--from must be" in refused(measure.main, *out, *acks, "--from", "0")
    missing = str(tmp_path / "nowhere" / "capacity.json")
    assert "cannot be written" in refused(measure.main, "--out", missing, *acks, "--url", NOBODY)
    assert list(tmp_path.iterdir()) in ([], [tmp_path / "acks.jsonl"])


def test_load_json_is_whole_at_any_time(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    folder.write({"began": 1})
    folder.write({"began": 1, "ended": 2})
    folder.discard()
    names = ["acks.jsonl", "history.jsonl", "load.json", "requests.csv"]
    assert sorted(path.name for path in folder.path.iterdir()) == names
    assert (folder.path / "load.json").read_text() == '{\n  "began": 1,\n  "ended": 2\n}\n'


def _record(call: str, outcome: Outcome, code: str = "") -> Record:
    return Record("cart", call, 1.0, 1.0, 1.25, 200, code, outcome, "", "", None, 1, 0, 250.0, outcome)


def test_locust_counts_only_failures_as_failures_and_names_the_rest_apart(tmp_path: Path) -> None:
    def work(told: Callable[[Record], None]) -> None:
        told(_record("add", Outcome.OK))
        told(_record("add", Outcome.DEGRADED))
        told(_record("add", Outcome.REFUSED, "cart-full"))
        told(_record("add", Outcome.CONTAINED, "overloaded"))
        told(_record("add", Outcome.FAILED, "Timeout"))

    run(work, tmp_path / "locust")
    rows = [line.split(",") for line in (tmp_path / "locust_stats.csv").read_text().splitlines()]
    counts = {row[1]: (int(row[2]), int(row[3])) for row in rows[1:] if row[1] != "Aggregated"}
    assert counts == {
        "add": (2, 1),
        "add (degraded)": (1, 0),
        "add (refused: cart-full)": (1, 0),
        "add (contained: overloaded)": (1, 0),
    }
    assert rows[1][4] == "250"  # the median, from the intended start


def test_what_goes_wrong_under_locust_comes_out(tmp_path: Path) -> None:
    def work(_: Callable[[Record], None]) -> None:
        raise UserError("no")

    with pytest.raises(UserError, match="no"):
        run(work, tmp_path / "locust")
