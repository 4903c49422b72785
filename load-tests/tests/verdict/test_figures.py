"""The arithmetic under the verdict."""

import math
from dataclasses import fields

from hypothesis import given
from hypothesis import strategies as st

from fabricated import BEGAN, record
from gameday.verdict.binomial import Shown, refutes
from gameday.verdict.contained import containment
from gameday.verdict.expect import Expect
from gameday.verdict.figures import figures, percentile, upper_percentile
from gameday.verdict.judge import percent
from gameday.verdict.objective import Away, away, recovery_s
from gameday.verdict.observation import JudgedBy, Observation, see
from gameday.verdict.pooled import Pool, cells
from gameday.verdict.verdict import Result
from gameday.workload.records import Outcome

moments = st.lists(
    st.tuples(st.floats(0, 60), st.sampled_from(list(Outcome)), st.floats(0, 3000)), min_size=1, max_size=200
)


def seen(*told: tuple[float, Outcome, float]) -> list[Observation]:
    return list(see((record("browse", BEGAN + at, outcome, ms) for at, outcome, ms in told), JudgedBy.FIRST))


@given(moments)
def test_every_request_is_counted_once(told: list[tuple[float, Outcome, float]]) -> None:
    made = figures(seen(*told))
    counts = [
        getattr(made, field.name) for field in fields(made) if not field.name.endswith(("_ms", "requests", "unasked"))
    ]
    assert sum(counts) == made.requests == len(told)
    assert made.p50_ms <= made.p99_ms <= made.max_ms


def test_figures_of_nothing_are_zero() -> None:
    assert figures([]).p99_ms == 0


@given(st.lists(st.floats(0, 1000), min_size=1, max_size=300), st.floats(1, 100))
def test_a_percentile_is_the_least_value_that_so_many_do_not_exceed(values: list[float], percent: float) -> None:
    found = percentile(sorted(values), percent)
    needed = math.ceil(len(values) * percent / 100)
    assert sum(value <= found for value in values) >= needed
    assert sum(value < found for value in values) < needed


@given(moments)
def test_answers_are_quick_from_the_first_step_that_bears_it_out(told: list[tuple[float, Outcome, float]]) -> None:
    ones = seen(*told)
    shown = containment(ones, Expect.STALE, BEGAN, 60.0)
    quick = shown.quick_after_s

    def holds(from_s: float) -> bool:
        less = [one for one in ones if (one.began >= BEGAN + from_s or not from_s) and not one.good]
        return not refutes(sum(one.ms <= 100 for one in less), len(less), 0.99)

    naive = next((step / 2 for step in range(120) if holds(step / 2)), None)
    assert quick == naive
    assert shown.caught + shown.answers <= len(ones)


def test_nobody_is_caught_when_all_is_quick_from_the_start() -> None:
    shown = containment(
        seen(*((second, Outcome.CONTAINED, 5.0) for second in range(60))), Expect.UNAVAILABLE, BEGAN, 60
    )
    assert (shown.quick_after_s, shown.caught, shown.promised, shown.answers) == (0.0, 0, 60, 60)


def test_healthy_again_is_the_first_second_with_five_good_ones_after_it() -> None:
    bad = [(second + 0.5, Outcome.FAILED if second in (0, 1, 4) else Outcome.OK, 1.0) for second in range(20)]
    assert recovery_s(seen(*bad), BEGAN) == 5
    assert recovery_s(seen(*bad[:6]), BEGAN) is None
    assert recovery_s([], BEGAN) is None


def test_of_a_row_with_few_requests_the_next_one_says_whether_it_is_healthy() -> None:
    told = [(0.5, Outcome.FAILED, 1.0), (3.5, Outcome.FAILED, 1.0), (14.5, Outcome.OK, 1.0), (30.5, Outcome.OK, 1.0)]
    assert recovery_s(seen(*told), BEGAN) == 4
    assert recovery_s(seen(*told[:2]), BEGAN) is None


def test_the_objective_is_left_and_regained_at_seconds() -> None:
    told = [(second + 0.5, Outcome.FAILED if 10 <= second < 13 else Outcome.OK, 1.0) for second in range(30)]
    assert away(seen(*told), BEGAN) == [Away(BEGAN + 10, BEGAN + 13)]
    assert away(seen(*told[:14]), BEGAN) == [Away(BEGAN + 10, None)]
    assert away(seen(*told[:10]), BEGAN) == []


def test_what_missed_its_bar_never_looks_as_if_it_met_it() -> None:
    assert percent(0.99499) == "99.49 %"
    assert percent(0.995) == "99.5 %"


def test_the_upper_bound_of_p99_is_the_highest_of_fewer_than_299() -> None:
    values = [float(number) for number in range(1, 2001)]
    assert upper_percentile(values[:298], 99) == 298
    assert upper_percentile(values[:299], 99) == 299
    assert upper_percentile(values[:1000], 99) == 996
    assert upper_percentile(values, 99) == 1988
    assert upper_percentile([], 99) == 0


def test_pooled_runs_are_judged_by_what_their_requests_show() -> None:
    shown = [Pool("r", "browse", 1, total, served, 0.999).decision for total, served in ((2994, 2994), (2995, 2995))]
    assert [decision.shown for decision in shown] == [Shown.OPEN, Shown.SHOWN]
    assert Pool("r", "browse", 1, 3000, 2990, 0.999).decision.shown is Shown.REFUTED


def test_runs_decide_a_row_of_the_matrix() -> None:
    runs = [("Kafka", Result.PASS)] * 10 + [("payment", Result.PASS), ("payment", Result.FAIL)]
    kafka, payment = cells(runs)
    assert (kafka.runs, kafka.passed, payment.runs, payment.passed) == (10, 10, 2, 1)
    assert round(kafka.at_least, 3) == 0.741
