"""Signing in; the gateway makes the token of what is answered here (INTERNALS)."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from command_service.api.answers import command_answer
from command_service.api.requests import AnyCaller, FromParts, request_metadata, source_of, time_left
from command_service.codec import CART
from command_service.domain.values import CustomerId
from command_service.handlers.revocations import sign_out
from command_service.handlers.sessions import SignIn, sign_in
from holdfast.contracts import requests
from holdfast.service.auth import optional_caller
from holdfast.service.context import current
from holdfast.service.problems import Problem
from holdfast.service.tokens import Caller

router = APIRouter()


@router.post("/api/sessions")
async def start_session(body: requests.NewSession, request: Request, parts: FromParts) -> Response:
    if body.email is None or body.password is None:
        missing = [(f"/{name}", "Field required") for name in ("email", "password") if getattr(body, name) is None]
        raise Problem(422, "invalid", "signing in needs an e-mail and a password", errors=missing)
    caller = _caller(request)
    wanted = SignIn(
        email=body.email,
        password=body.password,
        guest_id=CustomerId(caller.subject) if caller is not None and caller.role == "guest" else None,
        metadata=request_metadata(None, None),
        deadline=current().deadline,
        source=source_of(request, caller),
    )
    done = await sign_in(parts, wanted)
    content = {"customer_id": done.customer_id, "role": done.role, "cart_version": done.cart_version}
    merged = {} if done.cart_version is None else {CART.stream_id(done.customer_id): done.cart_version}
    return command_answer(content, merged)


@router.delete("/api/sessions/current")
async def end_session(caller: AnyCaller, parts: FromParts) -> Response:
    await sign_out(parts, caller, time_left())
    return command_answer({"customer_id": caller.subject}, {})


def _caller(request: Request) -> Caller | None:
    """The caller by its token; an old or broken token counts as none, since a new session is asked for."""
    try:
        return optional_caller(request)
    except Problem:
        return None
