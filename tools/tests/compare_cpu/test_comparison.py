"""Failed rounds are repeated; what ends early keeps what is complete."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from holdfast_tools.compare_cpu import comparison, rounds
from holdfast_tools.compare_cpu.comparison import Plan, compare, repeated
from holdfast_tools.compare_cpu.errors import RoundFailed, TimeUp
from holdfast_tools.compare_cpu.journeys import JOURNEYS
from holdfast_tools.compare_cpu.rounds import Cost, Round
from holdfast_tools.compare_cpu.stack import Running, Stack

SEARCH = JOURNEYS["search"]


def made(cpu_ms: float = 6.5) -> Round:
    return Round({"search": Cost({"query": cpu_ms}, 1.0, 0)}, {"query": 0.1}, 0.01)


class Attempts:
    """Fails as often as asked, then succeeds."""

    def __init__(self, failures: int) -> None:
        self.left, self.count = failures, 0

    def __call__(self) -> Round:
        self.count += 1
        if self.left:
            self.left -= 1
            raise RoundFailed("GET /api/cart: 500")
        return made()


def test_a_failed_round_is_repeated_and_reported(capsys: pytest.CaptureFixture[str]) -> None:
    attempts = Attempts(2)
    assert repeated(attempts, "round 3 of NEW") == made()
    assert attempts.count == 3
    assert capsys.readouterr().err.count("round 3 of NEW failed: GET /api/cart: 500; it is repeated") == 2


def test_a_round_that_fails_three_times_ends_it(capsys: pytest.CaptureFixture[str]) -> None:
    attempts = Attempts(9)
    with pytest.raises(RoundFailed, match="500"):
        repeated(attempts, "round 1 of OLD")
    assert attempts.count == 3
    assert capsys.readouterr().err.splitlines()[-1] == "round 1 of OLD failed: GET /api/cart: 500"


class FabricatedStack(Stack):
    """Whose rounds cost what `costs_ms` says by their number; a failure where it is None."""

    def __init__(self, label: str, log: list[str], costs_ms: list[float | None]) -> None:
        super().__init__(label, "0" * 40, Path("/nowhere"))
        self.log, self.costs_ms = log, costs_ms

    @contextmanager
    def running(self) -> Iterator[Running]:
        self.log.append(f"{self.label} up")
        yield Running(len(self.log), ())
        self.log.append(f"{self.label} down")


def compared(
    monkeypatch: pytest.MonkeyPatch, costs: dict[str, list[float]], pairs: int | None, end: type[BaseException] = TimeUp
) -> tuple[list[str], int]:
    """The starts in order and the number of complete pairs; `end` comes when the figures are used up."""
    started: list[str] = []
    stacks = [FabricatedStack(label, started, []) for label in costs]
    left = {label: iter(figures) for label, figures in costs.items()}

    def measure(*_: object) -> Round:
        try:
            return made(next(left[started[-1].split()[0]]))
        except StopIteration:
            raise end("used up") from None

    monkeypatch.setattr(rounds, "measure", measure)
    done = compare((stacks[0], stacks[1]), Plan([SEARCH], ["p"], 1.05, pairs, 1))
    return started, len(done)


def test_one_stack_is_up_at_a_time_in_the_order_a_b_b_a(monkeypatch: pytest.MonkeyPatch) -> None:
    log, pairs = compared(monkeypatch, {"OLD": [6.5] * 9, "NEW": [6.5] * 9}, 3)
    assert pairs == 3
    assert " ".join(log) == " ".join(f"{label} up {label} down" for label in ["OLD", "NEW", "NEW", "OLD", "OLD", "NEW"])


def test_steady_figures_need_six_rounds_of_each(monkeypatch: pytest.MonkeyPatch) -> None:
    assert compared(monkeypatch, {"OLD": [6.5] * 20, "NEW": [6.6] * 20}, None)[1] == 6


def test_unsteady_figures_need_more(monkeypatch: pytest.MonkeyPatch) -> None:
    assert compared(monkeypatch, {"OLD": [6.0, 6.5] * 20, "NEW": [6.6] * 40}, None)[1] > 6


@pytest.mark.parametrize("end", [TimeUp, RoundFailed])
def test_the_complete_pairs_count_when_it_ends_early(end: type[BaseException], monkeypatch: pytest.MonkeyPatch) -> None:
    log, pairs = compared(monkeypatch, {"OLD": [6.5] * 4, "NEW": [6.5] * 3}, None, end)
    assert pairs == 3
    assert log[-1].startswith("NEW")


def test_progress_is_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    comparison.say("setting up OLD")
    assert capsys.readouterr() == ("", "setting up OLD\n")
