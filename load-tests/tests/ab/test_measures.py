"""What a run showed, from requests made up to the last one."""

import pytest

from fabricated import BEGAN, record
from gameday.ab.measures import Moments, measure, recovery_s, share
from gameday.verdict.observation import JudgedBy, Observation, see
from gameday.workload.records import Outcome, Record

STRUCK = BEGAN + 20
LIFTED = STRUCK + 10
ENDED = LIFTED + 60
MOMENTS = Moments(BEGAN + 5, STRUCK, LIFTED, ENDED)
A_SECOND = 20


def run(*bad: tuple[float, float], outcome: Outcome = Outcome.FAILED, ms: float = 10.0) -> list[Observation]:
    """Reads and a few carts from begin to end; reads from so many to so many seconds after the trigger are bad."""
    records: list[Record] = []
    for number in range(int(ENDED - BEGAN) * A_SECOND):
        at = BEGAN + (number + 0.5) / A_SECOND
        is_bad = any(low <= at - LIFTED < high for low, high in bad)
        records.append(record("browse", at, outcome, ms) if is_bad else record("browse", at))
        if number % 10 == 0:
            records.append(record("cart", at))
    return list(see(records, JudgedBy.FINAL))


def test_a_shop_that_never_comes_back_is_down_at_the_end_and_has_no_recovery() -> None:
    found = measure(run((-10, 60)), MOMENTS)
    assert (found.quiet, found.last, found.recovery_s) == (1.0, 0.0, None)
    assert (found.offered, found.goodput) == (A_SECOND, 0)
    assert found.unrelated == 1.0


def test_what_was_served_in_the_trigger_is_told_apart() -> None:
    assert measure(run((-10, -5), (3, 9)), MOMENTS).during == pytest.approx(0.5)


def test_recovery_is_counted_from_the_end_of_the_trigger() -> None:
    assert measure(run((-10, 7)), MOMENTS).recovery_s == 7
    assert measure(run((-10, 0)), MOMENTS).recovery_s == 0


def test_a_short_good_stretch_is_no_recovery() -> None:
    assert measure(run((-10, 7), (11, 30)), MOMENTS).recovery_s == 30


def test_recovery_needs_to_be_seen_whole() -> None:
    assert measure(run((-10, 56)), MOMENTS).recovery_s is None
    assert measure(run((-10, 55)), MOMENTS).recovery_s == 55


def test_one_failure_in_two_hundred_does_not_delay_recovery_but_two_in_a_hundred_do() -> None:
    def failing_each(every: int) -> list[Observation]:
        seen = [one for one in run() if one.journey == "browse" and one.began >= LIFTED]
        return [
            one if number % every else next(iter(see([record("browse", one.began, Outcome.FAILED)], JudgedBy.FINAL)))
            for number, one in enumerate(seen)
        ]

    assert recovery_s(failing_each(200), LIFTED, ENDED) == 0
    assert recovery_s(failing_each(50), LIFTED, ENDED) is None


def test_what_comes_after_the_client_has_given_up_is_not_good() -> None:
    assert measure(run((-10, 60), outcome=Outcome.OK, ms=2_100), MOMENTS).last == 0.0
    assert measure(run((-10, 60), outcome=Outcome.OK, ms=1_900), MOMENTS).last == 1.0


def test_stale_answers_that_say_so_are_good_and_contained_ones_are_not() -> None:
    assert measure(run((-10, 60), outcome=Outcome.DEGRADED), MOMENTS).last == 1.0
    assert measure(run((-10, 60), outcome=Outcome.CONTAINED), MOMENTS).last == 0.0


def test_only_what_comes_from_the_trigger_on_counts_for_carts() -> None:
    seen = run()
    seen += see([record("cart", BEGAN + 10, Outcome.FAILED) for _ in range(100)], JudgedBy.FINAL)
    assert measure(seen, MOMENTS).unrelated == 1.0
    seen += see([record("cart", STRUCK + 1, Outcome.FAILED, ms=900) for _ in range(100)], JudgedBy.FINAL)
    found = measure(seen, MOMENTS)
    assert found.unrelated == pytest.approx(140 / 240)
    assert found.unrelated_p99_ms == pytest.approx(900)


def test_the_warm_up_is_in_no_figure() -> None:
    assert measure(run((-30, -25.5)), MOMENTS).quiet == 1.0
    assert measure(run((-30, -20)), MOMENTS).quiet < 1.0


def test_a_run_without_reads_says_nothing() -> None:
    with pytest.raises(ValueError, match="no reads"):
        measure([one for one in run() if one.journey == "cart"], MOMENTS)
    assert share([]) == 1.0
