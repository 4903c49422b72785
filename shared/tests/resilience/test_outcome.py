"""What counts as a failure, what as a success, what as neither, and what errors say."""

import asyncio

import pytest

from holdfast.resilience.errors import BulkheadFull, DeadlineExceeded, DependencyUnavailable, retry_after
from holdfast.resilience.outcome import Outcome, errors_are_failures, of_status
from holdfast.resilience.policy import CallPolicy
from holdfast.resilience.settings import CHARGE, CHECKOUT, READ


@pytest.mark.parametrize(
    ("status", "retry_after", "outcome"),
    [
        (200, False, Outcome.SUCCESS),
        (304, False, Outcome.SUCCESS),
        *((status, False, Outcome.NEUTRAL) for status in (400, 401, 402, 403, 404, 409, 412, 414, 422, 425, 499)),
        (409, True, Outcome.NEUTRAL),
        (429, True, Outcome.NEUTRAL),
        (429, False, Outcome.NEUTRAL),
        (503, True, Outcome.NEUTRAL),
        (503, False, Outcome.FAILURE),
        (500, True, Outcome.FAILURE),
        (502, False, Outcome.FAILURE),
        (504, True, Outcome.FAILURE),
    ],
)
def test_an_answer_counts_by_its_status(status: int, retry_after: bool, outcome: Outcome) -> None:
    assert of_status(status, retry_after) is outcome


def test_an_error_is_a_failure_and_a_cancellation_is_neutral() -> None:
    assert errors_are_failures(OSError()) is Outcome.FAILURE
    assert errors_are_failures(asyncio.CancelledError()) is Outcome.NEUTRAL


@pytest.mark.parametrize(("seconds", "whole"), [(-3, 1), (0, 1), (0.2, 1), (1, 1), (1.01, 2), (4.2, 5), (60, 5)])
def test_retry_after_is_whole_seconds_from_1_to_5(seconds: float, whole: int) -> None:
    assert retry_after(seconds) == whole


def test_an_attempt_had_a_fair_chance_with_most_of_its_timeout() -> None:
    assert READ.fair_s == pytest.approx(0.2)
    assert CHECKOUT.fair_s == 0.4
    assert CallPolicy(attempt_timeout_s=1, fair_chance_s=0.2).fair_s == 0.2
    assert not CHARGE.retry


def test_errors_say_what_and_when() -> None:
    assert "postgresql" in str(DeadlineExceeded("postgresql"))
    assert DeadlineExceeded().dependency is None
    away = DependencyUnavailable("payment", retry_after_s=3, reason="reset")
    assert (away.dependency, away.retry_after_s, away.reason) == ("payment", 3, "reset")
    full = BulkheadFull("query")
    assert (full.dependency, full.retry_after_s) == ("query", 1)
