"""Builds the validated call out of a request's line and headers, and its body's model out of its bytes.

Nothing behind it is called before all of a request is valid, and what is sent on is what was validated: the path is
made of the route and the checked part, the query is written anew from the parsed parameters.
"""

import re
import secrets
import time
from typing import Any, Final
from urllib.parse import quote

from pydantic import BaseModel, ValidationError
from starlette.types import Scope

from gateway.call import Call, Header
from gateway.http.fields import HeaderFields
from gateway.http.rate_limits import address_of, host_of
from gateway.routing import PARTS, Lane, Route
from holdfast.contracts.consistency import ConsistencyTokenInvalid, decode_consistency
from holdfast.contracts.inputs import (
    parse_idempotency_key,
    parse_if_match,
    require_plain_json,
    wants_no_cache,
)
from holdfast.contracts.query_parameters import canonical_query, parse_query
from holdfast.service.context import RequestContext
from holdfast.service.problems import Problem, validation_problem
from holdfast.service.request_head import MAX_TARGET_BYTES, target_too_long
from holdfast.service.tokens import Caller

NEWCOMER_S: Final = 10.0
CLIENT_ADDRESS: Final = "X-Client-Address"
_MOST_ERRORS: Final = 20  # that one problem names
_DOTS: Final = frozenset({".", ".."})
_VARIABLE: Final = re.compile(r"{\w+}")


def validated_call(
    route: Route,
    part: str,
    scope: Scope,
    fields: HeaderFields,
    caller: Caller | None,
    token: str | None,
    context: RequestContext,
) -> Call:
    """The call as far as line and headers say; body and deadline are set later. Raises Problem and InputInvalid."""
    headers = [("X-Request-Id", context.request_id), ("traceparent", context.traceparent)]
    if token is not None:
        headers.append(("Authorization", f"Bearer {token}"))
    address = address_of(scope)
    newcomer = caller is not None and caller.age_s(time.time()) < NEWCOMER_S
    path = _path(route, part)
    query = canonical_query(parse_query(route.query, scope["query_string"]))
    if (
        len(path) + len(query) >= MAX_TARGET_BYTES
    ):  # it has grown, for characters that have to be encoded came as they are
        raise target_too_long()
    if route.reads:
        cached = route.cache is not None
        return Call(
            route,
            path,
            query,
            tuple(headers),
            context.deadline,
            consistency_token=_consistency_token(fields),
            no_cache=cached and wants_no_cache(fields.lines(b"cache-control")),
            address=address,
            caller=caller,
            newcomer=newcomer,
            accept_encoding=fields.get(b"accept-encoding") if cached else None,
            if_none_match=fields.get(b"if-none-match") if cached else None,
        )
    headers += _command_headers(route, fields)
    if route.lane is Lane.SIGN_IN:
        headers.append((CLIENT_ADDRESS, host_of(scope)))
    return Call(route, path, query, tuple(headers), context.deadline, address=address, caller=caller, newcomer=newcomer)


def validated_body(route: Route, raw: bytes) -> BaseModel | None:
    """The body's model; None for a route without a body.

    Raises InputInvalid for a body beyond the bounds, Problem 400 `malformed` or 422 for any other that is not valid.
    """
    if route.body is None:
        return None
    try:
        require_plain_json(raw)
        return route.body.model_validate_json(raw)
    except ValidationError as error:
        found: list[Any] = error.errors(include_url=False, include_context=False, include_input=False)
        raise validation_problem([{**one, "loc": ("body", *one["loc"])} for one in found[:_MOST_ERRORS]]) from error


def _path(route: Route, part: str) -> str:
    """The path to send on, plain ASCII. Raises Problem 404 for a part that cannot name anything."""
    name = route.part
    if name is None:
        return route.path
    kind = PARTS[name]
    if not kind.matches(part):
        # A segment of dots is where URLs are normalised; no layer may take it for a place in the path.
        if not route.any_part or part in _DOTS:
            code = "line-unknown" if route.any_part else kind.unknown
            raise Problem(404, code, f"{part[:80]!r} cannot be the {name} of anything")
        part = quote(part, safe="")
    return _VARIABLE.sub(lambda _: part, route.path)


def _command_headers(route: Route, fields: HeaderFields) -> list[Header]:
    headers: list[Header] = []
    if route.body is not None:
        headers.append(("Content-Type", "application/json"))
    if route.key != "ignored":
        headers.append(("Idempotency-Key", _idempotency_key(route, fields)))
    condition = parse_if_match(fields.lines(b"if-match")) if route.conditional else None
    if condition is not None:
        headers.append(("If-Match", str(condition)))
    return headers


def _idempotency_key(route: Route, fields: HeaderFields) -> str:
    """The caller's key, or a new one of 32 hex digits, so that the gateway may repeat any command (CORRECTNESS 1)."""
    key = parse_idempotency_key(fields.lines(b"idempotency-key"))
    if key is None and route.key == "required":
        raise Problem(400, "idempotency-key-missing", "this call needs an Idempotency-Key header")
    return key or secrets.token_hex(16)


def _consistency_token(fields: HeaderFields) -> str | None:
    """The tokens of all Consistency-Token lines as one list, None without any."""
    values = fields.lines(b"consistency-token")
    if not values:
        return None
    try:
        return ", ".join(values) if decode_consistency(values) else None
    except ConsistencyTokenInvalid as error:
        raise Problem(400, "consistency-token-invalid", error.reason) from error
