"""Each check finds the defect that it is for, and nothing where there is none."""

from collections.abc import Callable
from pathlib import Path

import pytest

from gameday.checker import carts, intents, sessions
from gameday.checker.check import Check
from gameday.checker.command import CHECKS, check, main
from written import CART, Written

Write = Callable[[Written], None]


def _sound(w: Written) -> None:
    w.add(1, "i1", 1)
    w.view(2, 1, 1, read={CART: 1})
    w.add(3, "i2", 2, 2, ended="info", versions={}, said=None)
    w.view(4, 1, 1, degraded="projection-lag", age_s=1)
    w.add(5, "i2", 2, 2)
    w.view(6, 2, 3, read={CART: 2})
    w.checkout(7, "i3", "o1", versions={CART: 3, "order-o1": 2})
    w.done("details", 8, read={"order-o1": 2}, said={"order_id": "o1", "version": 2})
    w.view(9, 3, 0)
    tells = {CART: 3, "order-o1": 3}
    w.done("cancel", 9.5, key="i6", intent="i6", versions=tells, said={"order_id": "o1", "status": "cancelled"})
    w.add(10, "i4", 4, ended="fail", versions={}, said=None)
    w.add(11, "i5", 4)
    w.view(12, 4, 1)


def _two_orders(w: Written) -> None:
    w.checkout(1, "i1", "o1")
    w.checkout(2, "i1", "o2")


def _two_effects_on_a_cart(w: Written) -> None:
    w.add(1, "i1", 1)
    w.add(2, "i1", 2)


def _one_order_for_two(w: Written) -> None:
    w.checkout(1, "i1", "o1")
    w.checkout(2, "i2", "o1")


def _two_keys(w: Written) -> None:
    w.add(1, "i1", 1)
    w.add(2, "i1", 1, key="other")


def _own_write_unread(w: Written) -> None:
    w.add(1, "i1", 1)
    w.view(2, 0, 0, read={CART: 1})


def _read_goes_back(w: Written) -> None:
    w.done("details", 1, said={"order_id": "o1", "version": 3})
    w.done("details", 2, said={"order_id": "o1", "version": 2})


def _write_before_what_was_read(w: Written) -> None:
    w.view(1, 5, 1)
    w.add(2, "i1", 4)


def _age_understated(w: Written) -> None:
    w.add(1, "i1", 1)
    w.view(9, 0, 0, degraded="projection-lag", age_s=3)


def _version_twice(w: Written) -> None:
    w.add(1, "i1", 1)
    w.add(2, "i2", 1)


def _lines_that_nobody_put(w: Written) -> None:
    w.add(1, "i1", 1)
    w.view(2, 1, 2)


def _refused_and_done(w: Written) -> None:
    w.add(1, "i1", 1)
    w.add(2, "i2", 2, ended="fail", versions={}, said=None)
    w.view(3, 2, 2)


def _order_against_time(w: Written) -> None:
    w.add(1, "i1", 2)
    w.add(2, "i2", 1)


DEFECTS: list[tuple[Check, Write]] = [
    (intents.one_effect, _two_orders),
    (intents.one_effect, _two_effects_on_a_cart),
    (intents.one_intent, _one_order_for_two),
    (intents.one_key, _two_keys),
    (sessions.read_your_writes, _own_write_unread),
    (sessions.monotonic_reads, _read_goes_back),
    (sessions.writes_follow_reads, _write_before_what_was_read),
    (sessions.age_is_true, _age_understated),
    (carts.linearizable, _version_twice),
    (carts.linearizable, _lines_that_nobody_put),
    (carts.linearizable, _refused_and_done),
    (carts.linearizable, _order_against_time),
]


@pytest.mark.parametrize(("wanted", "write"), DEFECTS, ids=[write.__name__.strip("_") for _, write in DEFECTS])
def test_a_defect_is_found_by_its_check(tmp_path: Path, wanted: Check, write: Write) -> None:
    written = Written()
    write(written)
    assert wanted(written.history(tmp_path)).findings


def test_every_check_has_a_defect_that_it_finds() -> None:
    assert {each for each, _ in DEFECTS} == set(CHECKS)


def test_a_sound_history_contradicts_nothing_and_every_check_looked_at_it(tmp_path: Path) -> None:
    written = Written()
    _sound(written)
    results = check(written.history(tmp_path))
    assert [(result.claim, result.findings) for result in results if result.findings] == []
    assert [result.claim for result in results if not result.looked_at] == []


def test_a_change_of_unknown_outcome_may_show_or_not(tmp_path: Path) -> None:
    for seen in ((1, 1), (2, 3)):
        written = Written()
        written.add(1, "i1", 1)
        written.add(2, "i2", 0, 2, ended="never")
        written.view(3, *seen)
        assert carts.linearizable(written.history(tmp_path)).findings == []


def test_more_unknown_ones_than_can_be_tried_are_said(tmp_path: Path) -> None:
    written = Written()
    for number in range(5):
        written.add(number, f"i{number}", 0, ended="info", versions={}, said=None)
    written.view(9, 5, 5)
    assert carts.linearizable(written.history(tmp_path)).undecided == 1


def test_the_command_says_what_it_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written = Written()
    _two_orders(written)
    written.write(tmp_path / "history.jsonl")
    assert main([str(tmp_path)]) == 1
    assert "had the effect o1" in capsys.readouterr().out
