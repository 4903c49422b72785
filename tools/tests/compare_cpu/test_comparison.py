"""Failed rounds are repeated; what ends early keeps what is complete."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from holdfast_tools.compare_cpu import comparison, rounds
from holdfast_tools.compare_cpu.comparison import Plan, compare, repeated
from holdfast_tools.compare_cpu.errors import RoundFailed, TimeUp
from holdfast_tools.compare_cpu.journeys import JOURNEYS
from holdfast_tools.compare_cpu.report import Pair
from holdfast_tools.compare_cpu.rounds import Cost, Round
from holdfast_tools.compare_cpu.stack import Running, Stack

SEARCH = JOURNEYS["search"]


def made(cpu_ms: float = 6.5) -> Round:
    return Round({"search": Cost({"query": cpu_ms}, 1.0, 0)}, {"query": 0.1}, 0.01)


class Attempts:
    """Fails as often as asked, then succeeds."""

    def __init__(self, failures: int) -> None:
        self.left, self.count = failures, 0

    def __call__(self) -> tuple[Round, Round]:
        self.count += 1
        if self.left:
            self.left -= 1
            raise RoundFailed("GET /api/cart: 500")
        return made(), made()


def test_a_failed_round_is_repeated_and_reported(capsys: pytest.CaptureFixture[str]) -> None:
    attempts = Attempts(2)
    assert repeated(attempts, "round 3") == (made(), made())
    assert attempts.count == 3
    assert capsys.readouterr().err.count("round 3 failed: GET /api/cart: 500; it is repeated") == 2


def test_a_round_that_fails_three_times_ends_it(capsys: pytest.CaptureFixture[str]) -> None:
    attempts = Attempts(9)
    with pytest.raises(RoundFailed, match="500"):
        repeated(attempts, "round 1")
    assert attempts.count == 3
    assert capsys.readouterr().err.splitlines()[-1] == "round 1 failed: GET /api/cart: 500"


class FabricatedStack(Stack):
    """Writes down when it is started and ended."""

    def __init__(self, label: str, log: list[str]) -> None:
        super().__init__(label, "0" * 40, Path("/nowhere"))
        self.log = log

    @contextmanager
    def running(self) -> Iterator[Running]:
        self.log.append(f"{self.label} up")
        yield Running(len(self.log), ((self.label, 80),))
        self.log.append(f"{self.label} down")


def compared(
    monkeypatch: pytest.MonkeyPatch, costs: dict[str, list[float]], pairs: int | None, end: type[BaseException] = TimeUp
) -> tuple[list[str], list[Pair]]:
    """What was started and ended, and the complete pairs; `end` comes when the figures are used up."""
    log: list[str] = []
    old, new = (FabricatedStack(label, log) for label in ("OLD", "NEW"))
    left = {label: iter(figures) for label, figures in costs.items()}

    def measure(shops: Sequence[Running], *_: object) -> list[Round]:
        try:
            return [made(next(left[shop.gateways[0][0]])) for shop in shops]
        except StopIteration:
            raise end("used up") from None

    monkeypatch.setattr(rounds, "measure", measure)
    return log, compare((old, new), Plan([SEARCH], ["p"], 1.05, pairs, 1))


def test_both_stacks_are_up_and_take_turns_to_be_first(monkeypatch: pytest.MonkeyPatch) -> None:
    log, pairs = compared(monkeypatch, {"OLD": [6.0] * 9, "NEW": [7.0] * 9}, 3)
    assert [(old.journeys["search"].total_ms, new.journeys["search"].total_ms) for old, new in pairs] == [(6, 7)] * 3
    a_first, b_first = "OLD up NEW up NEW down OLD down", "NEW up OLD up OLD down NEW down"
    assert " ".join(log) == f"{a_first} {b_first} {a_first}"


def test_steady_figures_need_six_rounds_of_each(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(compared(monkeypatch, {"OLD": [6.5] * 20, "NEW": [6.6] * 20}, None)[1]) == 6


def test_unsteady_figures_need_more(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(compared(monkeypatch, {"OLD": [6.0, 6.5] * 20, "NEW": [6.6] * 40}, None)[1]) > 6


@pytest.mark.parametrize("end", [TimeUp, RoundFailed])
def test_the_complete_pairs_count_when_it_ends_early(end: type[BaseException], monkeypatch: pytest.MonkeyPatch) -> None:
    _, pairs = compared(monkeypatch, {"OLD": [6.5] * 4, "NEW": [6.5] * 3}, None, end)
    assert len(pairs) == 3


def test_progress_is_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    comparison.say("setting up OLD")
    assert capsys.readouterr() == ("", "setting up OLD\n")
