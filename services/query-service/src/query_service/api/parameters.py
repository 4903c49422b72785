"""The query parameters of a request."""

from typing import TypeVar

from fastapi import Request

from holdfast.contracts.query_parameters import Parameters, parse_query

P = TypeVar("P", bound=Parameters)


def read(model: type[P], request: Request) -> P:
    """The request's query as this call's parameters. Raises InputInvalid."""
    return parse_query(model, request.scope["query_string"])
