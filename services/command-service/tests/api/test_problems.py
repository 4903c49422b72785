"""Every refusal of the domain has its status and code of API.md."""

from typing import get_args

import pytest

from command_service.api.problems import problem_of, problem_of_refusal
from command_service.domain import refusals
from command_service.domain.refusals import Refusal, Shortage
from command_service.domain.values import ProductId
from holdfast.eventstore import VersionConflict

MUG = ProductId("mug")
SHORT = Shortage(MUG, 3, 1)
EXPECTED: list[tuple[Refusal, int, str]] = [
    (refusals.ProductUnknown(MUG), 404, "product-unknown"),
    (refusals.ProductIsDiscontinued(MUG), 409, "product-discontinued"),
    (refusals.ProductExists(), 409, "product-exists"),
    (refusals.StockWouldBeNegative(1, -2), 409, "stock-negative"),
    (refusals.StockAboveLimit(1, 9, 9), 422, "invalid"),
    (refusals.TooManyLines(2_000), 409, "cart-full"),
    (refusals.LineTooLarge(MUG, 1, 2, 2), 409, "cart-full"),
    (refusals.LineUnknown(MUG), 404, "line-unknown"),
    (refusals.CartIsEmpty(), 409, "cart-empty"),
    (refusals.OutOfStock((SHORT,)), 409, "out-of-stock"),
    (refusals.ProductsAreDiscontinued((SHORT,)), 409, "product-discontinued"),
    (refusals.TotalChanged(7), 409, "total-changed"),
    (refusals.OrderUnknown(), 404, "order-unknown"),
    (refusals.OrderNotCancellable("shipped"), 409, "order-not-cancellable"),
    (refusals.OrderNotShippable("cancelled"), 409, "order-not-shippable"),
    (refusals.OutcomeContradicted("paid", "declined"), 500, "internal"),
    (refusals.CustomerUnknown(), 404, "not-found"),
    (refusals.AlreadyRegistered(), 409, "already-registered"),
]


@pytest.mark.parametrize(("refusal", "status", "code"), EXPECTED, ids=lambda each: type(each).__name__)
def test_a_refusal_is_answered_with_its_status_and_code(refusal: Refusal, status: int, code: str) -> None:
    problem = problem_of_refusal(refusal)
    assert (problem.status, problem.code) == (status, code)
    assert problem.detail


def test_no_refusal_is_forgotten() -> None:
    assert {type(refusal) for refusal, _, _ in EXPECTED} == set(get_args(Refusal))


@pytest.mark.parametrize("lines", [(SHORT,), tuple(Shortage(ProductId(f"p{n}"), 2, n) for n in range(700))])
def test_lines_that_cannot_be_served_are_all_named(lines: tuple[Shortage, ...]) -> None:
    problem = problem_of_refusal(refusals.OutOfStock(lines))
    assert problem.extra["lines"] == [
        {"product_id": line.product_id, "requested": line.requested, "available": line.available} for line in lines
    ]
    assert len(problem.detail) < 200


def test_the_present_total_is_told() -> None:
    assert problem_of_refusal(refusals.TotalChanged(700)).extra == {"total_amount": 700}


def test_a_lost_race_is_worth_a_repeat() -> None:
    problem = problem_of(VersionConflict("cart-1", 0, 1))
    assert (problem.status, problem.headers) == (503, {"Retry-After": "1"})


def test_another_error_stays_what_it_is() -> None:
    with pytest.raises(ZeroDivisionError):
        problem_of(ZeroDivisionError())
