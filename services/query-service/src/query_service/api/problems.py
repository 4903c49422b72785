"""The one map from this service's exceptions to problem+json; the shared ones are `holdfast.service.problems`'."""

from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import Response

from holdfast.contracts.consistency import ConsistencyTokenInvalid
from holdfast.contracts.cursors import CursorInvalid
from holdfast.service.problems import Problem, problem_response
from query_service.adapters.elasticsearch import QueryRefused
from query_service.queries.errors import OrderUnknown, ProductUnknown
from query_service.waiting import ReadModelBehind

_STATUS_AND_CODE: dict[type[Exception], tuple[int, str]] = {
    ProductUnknown: (404, "product-unknown"),
    OrderUnknown: (404, "order-unknown"),
    CursorInvalid: (400, "cursor-invalid"),
    QueryRefused: (422, "invalid"),
    ConsistencyTokenInvalid: (400, "consistency-token-invalid"),
    ReadModelBehind: (425, "read-model-behind"),
}


def install(app: FastAPI) -> None:
    """Answer these exceptions as problems."""

    async def answer(request: Request, error: Any) -> Response:
        status, code = _STATUS_AND_CODE[type(error)]
        return problem_response(Problem(status, code, str(error)), request.url.path)

    for kind in _STATUS_AND_CODE:
        app.add_exception_handler(kind, answer)
