"""What the routes take from a request beside path and body, as FastAPI dependencies."""

import re
from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import lru_cache
from typing import Annotated, Any, Final, TypeVar, get_args, get_type_hints

import orjson
from fastapi import Depends, Request
from pydantic import BaseModel

from command_service.adapters.turns import Source
from command_service.domain.client_network import client_network
from command_service.domain.refusals import OrderUnknown, ProductUnknown
from command_service.domain.values import OrderId, ProductId
from command_service.handlers.requests import CommandRequest, Refused, utc_now
from command_service.parts import Parts
from holdfast.contracts.consistency import decode_consistency
from holdfast.contracts.fields import PRODUCT_ID_PATTERN, UUID_PATTERN
from holdfast.contracts.inputs import parse_idempotency_key, parse_if_match
from holdfast.contracts.query_parameters import Parameters, parse_query
from holdfast.eventstore import CommandKey, Metadata, fingerprint, scoped_key
from holdfast.resilience.deadline import Deadline
from holdfast.service.auth import admin_caller, any_caller, registered_caller
from holdfast.service.context import current
from holdfast.service.tokens import Caller

_CLIENT_ADDRESS: Final = "x-client-address"  # set by the gateway, which passes no caller's own on (INTERNALS)
_ANSWER_SHARE_MS: Final = 25  # beside the 40 ms by which PostgreSQL's own limits come before the deadline
P = TypeVar("P", bound=Parameters)


async def _parts(request: Request) -> Parts:
    parts: Parts = request.app.state.parts
    return parts


def idempotency_key(request: Request) -> str | None:
    """The caller's Idempotency-Key, None without one. Raises InputInvalid."""
    return parse_idempotency_key(request.headers.getlist("idempotency-key"))


def query_of(model: type[P]) -> Callable[[Request], Awaitable[P]]:
    """A dependency that gives the request's query as `model`. It raises InputInvalid."""

    async def read(request: Request) -> P:
        return parse_query(model, request.scope["query_string"])

    return read


def source_of(request: Request, caller: Caller | None) -> Source:
    """Where a call with a password comes from, as the gateway says."""
    return Source(client_network(request.headers.get(_CLIENT_ADDRESS)), None if caller is None else caller.subject)


def time_left() -> Deadline:
    """The request's deadline, less the time to say what came of it: a busy row told in time costs the caller a repeat,
    told too late it looks like a replica that does not answer.
    """
    return current().deadline.shortened_by(_ANSWER_SHARE_MS)


async def request_fingerprint(request: Request) -> str:
    """The hash of method, path and body: the same for the same command, however it is written.

    The body counts as its route reads it, so a default that is written out, null for one, changes nothing. Ids of
    orders are the same in upper and lower case.
    """
    order_id: str = request.path_params.get("order_id", "")
    path = request.url.path.replace(order_id, order_id.lower()) if order_id else request.url.path
    model = _body_model(request.scope["endpoint"])
    return fingerprint([request.method, path, None if model is None else _canonical(model, await request.body())])


@lru_cache(maxsize=64)
def _body_model(endpoint: Callable[..., Any]) -> type[BaseModel] | None:
    """The model that a route's parameter `body` is read as."""
    annotation = get_type_hints(endpoint).get("body")
    types = [each for each in (annotation, *get_args(annotation)) if isinstance(each, type)]  # of `Model | None`, both
    return next((each for each in types if issubclass(each, BaseModel)), None)


def _canonical(model: type[BaseModel], raw: bytes) -> Any:
    try:
        body = model.model_validate(orjson.loads(raw or b"{}") or {})
    except ValueError:  # of orjson or of the model: the route's own validation refuses it
        return raw.hex()
    return body.model_dump(mode="json", exclude_none=True, exclude_defaults=True) or None


def request_metadata(actor: str | None, key: CommandKey | None) -> Metadata:
    """The audit trail of the request at hand: caused by the command, which its key names, else by the request."""
    context = current()
    cause = key.hash if key else context.request_id
    return Metadata(actor, correlation_id=context.request_id, causation_id=cause, traceparent=context.traceparent)


def now_if_wanted() -> datetime:
    """The time at which a command takes effect, its locks held. Raises CallerGone when its caller has given it up."""
    current().require_caller()
    return utc_now()


def _command(caller_of: Callable[[Request], Caller]) -> Callable[..., Any]:
    async def make(request: Request) -> CommandRequest:
        caller = caller_of(request)
        given = idempotency_key(request)
        # The scope is the caller alone: the same key on another command of theirs is another body (CORRECTNESS 1).
        key = (
            CommandKey(scoped_key(caller.subject, "", given), await request_fingerprint(request))
            if given is not None
            else None
        )
        return CommandRequest(
            subject=caller.subject,
            role=caller.role,
            deadline=time_left(),
            metadata=request_metadata(caller.subject, key),
            key=key,
            if_match=parse_if_match(request.headers.getlist("if-match")),
            now=now_if_wanted,
        )

    return make


def _caller(caller_of: Callable[[Request], Caller]) -> Callable[..., Any]:
    async def make(request: Request) -> Caller:  # FastAPI would run a plain function on a thread
        return caller_of(request)

    return make


async def read_token(request: Request) -> None:
    """Checks the Consistency-Token of a read. The write model is never behind it, so nothing else is done with it."""
    decode_consistency(request.headers.getlist("consistency-token"))


async def _product_id(product_id: str) -> ProductId:
    if not re.fullmatch(PRODUCT_ID_PATTERN, product_id):
        raise Refused(ProductUnknown(ProductId(product_id)))
    return ProductId(product_id)


async def _order_id(order_id: str) -> OrderId:
    lower = order_id.lower()
    if not re.fullmatch(UUID_PATTERN, lower):
        raise Refused(OrderUnknown())
    return OrderId(lower)


FromParts = Annotated[Parts, Depends(_parts)]
AnyCaller = Annotated[Caller, Depends(_caller(any_caller))]
RegisteredCaller = Annotated[Caller, Depends(_caller(registered_caller))]
AdminsOnly = Depends(_caller(admin_caller))
AnyCommand = Annotated[CommandRequest, Depends(_command(any_caller))]
RegisteredCommand = Annotated[CommandRequest, Depends(_command(registered_caller))]
AdminCommand = Annotated[CommandRequest, Depends(_command(admin_caller))]
PathProductId = Annotated[ProductId, Depends(_product_id)]
PathOrderId = Annotated[OrderId, Depends(_order_id)]
"""Path parameters; an id that no product or order can have is unknown, not invalid."""
