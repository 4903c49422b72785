"""The one map from this service's exceptions and refusals to problem+json (API.md's codes)."""

from typing import Any, assert_never

import asyncpg
from fastapi import FastAPI, Request
from fastapi.responses import Response

from command_service.adapters.credentials import EmailTaken
from command_service.domain import refusals
from command_service.domain.refusals import Refusal, Shortage
from command_service.handlers.keys_at_work import RequestInProgress
from command_service.handlers.requests import Refused, VersionMismatch
from command_service.handlers.sessions import InvalidCredentials
from command_service.handlers.sign_in_attempts import SignInDelayed
from holdfast.contracts.consistency import ConsistencyTokenInvalid
from holdfast.contracts.cursors import CursorInvalid
from holdfast.eventstore import DatabaseBusy, KeyReused, SnapshotMissing, StreamUnknown, ValueRefused, VersionConflict
from holdfast.service.problems import Problem, problem_response


def problem_of_refusal(refusal: Refusal) -> Problem:
    """The answer for what the domain refused."""
    match refusal:
        case refusals.ProductUnknown(product_id):
            return Problem(404, "product-unknown", f"there is no product {product_id}")
        case refusals.OrderUnknown():
            return Problem(404, "order-unknown", "there is no such order of yours")
        case refusals.CustomerUnknown():
            return Problem(404, "not-found", "nobody is registered under this id")
        case refusals.LineUnknown(product_id):
            return Problem(404, "line-unknown", f"the cart has no line of {product_id}")
        case refusals.OutOfStock(lines):
            return Problem(409, "out-of-stock", _counted(lines, "more than is left"), extra=_lines(lines))
        case refusals.ProductsAreDiscontinued(lines):
            return Problem(409, "product-discontinued", _counted(lines, "no longer sold"), extra=_lines(lines))
        case refusals.TotalChanged(total_amount):
            detail = f"the cart costs {total_amount} now"
            return Problem(409, "total-changed", detail, extra={"total_amount": total_amount})
        case refusals.StockAboveLimit(available, delta, limit):
            detail = f"{available} are available, with {delta} more there would be over {limit}"
            return Problem(422, "invalid", detail, errors=[("/delta", detail)])
        case refusals.OutcomeContradicted(status, outcome):
            return Problem(500, "internal", f"the ledger says {outcome} of an order that is {status}")
        case _:
            return _conflict(refusal)


def _conflict(
    refusal: refusals.ProductIsDiscontinued
    | refusals.ProductExists
    | refusals.StockWouldBeNegative
    | refusals.TooManyLines
    | refusals.LineTooLarge
    | refusals.CartIsEmpty
    | refusals.OrderNotCancellable
    | refusals.OrderNotShippable
    | refusals.AlreadyRegistered,
) -> Problem:
    match refusal:
        case refusals.ProductIsDiscontinued(product_id):
            return Problem(409, "product-discontinued", f"{product_id} is no longer sold")
        case refusals.ProductExists():
            return Problem(409, "product-exists", "there is a product with this id already")
        case refusals.StockWouldBeNegative(available, delta):
            return Problem(409, "stock-negative", f"{available} are available, {-delta} cannot be taken")
        case refusals.TooManyLines(limit):
            return Problem(409, "cart-full", f"a cart has at most {limit} lines")
        case refusals.LineTooLarge(product_id, quantity, added, limit):
            detail = f"the line of {product_id} holds {quantity}, {added} more would be over {limit}"
            return Problem(409, "cart-full", detail)
        case refusals.CartIsEmpty():
            return Problem(409, "cart-empty", "there is nothing in the cart")
        case refusals.OrderNotCancellable(status):
            return Problem(409, "order-not-cancellable", f"the order is {status}")
        case refusals.OrderNotShippable(status):
            return Problem(409, "order-not-shippable", f"the order is {status}")
        case refusals.AlreadyRegistered():
            return Problem(409, "already-registered", "this customer is registered already")
        case _:
            assert_never(refusal)


def _counted(lines: tuple[Shortage, ...], what: str) -> str:
    named = ", ".join(line.product_id for line in lines[:5])
    more = f" and {len(lines) - 5} more" if len(lines) > 5 else ""
    return f"{what}: {named}{more}"


def _lines(lines: tuple[Shortage, ...]) -> dict[str, Any]:
    return {
        "lines": [
            {"product_id": line.product_id, "requested": line.requested, "available": line.available} for line in lines
        ]
    }


def problem_of(error: Exception) -> Problem:
    """The answer for an exception of the handlers, the event store or the contracts. Others are re-raised."""
    match error:
        case Refused():
            return problem_of_refusal(error.refusal)
        case VersionMismatch():
            return Problem(412, "version-mismatch", _mismatch(error))
        case KeyReused():
            return Problem(422, "idempotency-key-reused", "this Idempotency-Key was used for another request")
        case SnapshotMissing():
            # Neutral to the gateway's breaker: nothing is wrong, the snapshots of old streams are being filled.
            return Problem(503, "overloaded", str(error), headers={"Retry-After": str(error.retry_after_s)})
        case ValueRefused():
            return Problem(422, "invalid", "the request holds a value that cannot be stored or looked for")
        case StreamUnknown():
            return Problem(404, "stream-unknown", str(error))
        case CursorInvalid():
            return Problem(400, "cursor-invalid", error.reason)
        case ConsistencyTokenInvalid():
            return Problem(400, "consistency-token-invalid", error.reason)
        case DatabaseBusy():
            return Problem(503, "bulkhead-full", str(error), headers={"Retry-After": str(error.retry_after_s)})
        case VersionConflict():
            # Lost the race for a new stream twice: worth a repeat, and neutral to the gateway's breaker.
            return Problem(503, "overloaded", str(error), headers={"Retry-After": "1"})
        case asyncpg.UndefinedTableError() | asyncpg.UndefinedColumnError():
            return Problem(503, "dependency-unavailable", "PostgreSQL is not prepared yet: its migrations are not done")
        case _:
            return _who_and_whether(error)


def _mismatch(error: VersionMismatch) -> str:
    if error.actual == 0:
        return f"there is nothing here yet that If-Match: {error.expected} could match"
    return f"the version is {error.actual}, not {error.expected.version}"


def _who_and_whether(error: Exception) -> Problem:
    match error:
        case RequestInProgress():
            detail = "a call with this Idempotency-Key is being worked on"
            return Problem(409, "request-in-progress", detail, headers={"Retry-After": str(error.retry_after_s)})
        case EmailTaken():
            return Problem(409, "email-taken", "somebody else is registered with this e-mail")
        case InvalidCredentials():
            return Problem(401, "invalid-credentials", "the e-mail is unknown or the password is wrong")
        case SignInDelayed():
            return Problem(429, "rate-limited", str(error), headers={"Retry-After": str(error.retry_after_s)})
        case _:
            raise error


_MAPPED = (
    Refused,
    VersionMismatch,
    KeyReused,
    RequestInProgress,
    EmailTaken,
    InvalidCredentials,
    SignInDelayed,
    StreamUnknown,
    ValueRefused,
    SnapshotMissing,
    CursorInvalid,
    ConsistencyTokenInvalid,
    DatabaseBusy,
    VersionConflict,
    asyncpg.UndefinedTableError,  # between the start of an empty PostgreSQL and the end of the migrations
    asyncpg.UndefinedColumnError,  # the same, after an update
)


def install(app: FastAPI) -> None:
    """Answer this service's exceptions as problems, beside what holdfast.service answers."""

    async def on_error(request: Request, error: Exception) -> Response:
        return problem_response(problem_of(error), request.url.path)

    for kind in _MAPPED:
        app.add_exception_handler(kind, on_error)
