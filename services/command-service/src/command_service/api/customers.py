"""Registration and the caller's own profile."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from command_service.api.answers import command_answer, done_answer
from command_service.api.checkout import address_of
from command_service.api.requests import (
    FromParts,
    RegisteredCaller,
    RegisteredCommand,
    idempotency_key,
    request_metadata,
    source_of,
)
from command_service.codec import CUSTOMER
from command_service.domain.values import CustomerId
from command_service.handlers.customers import Registration, register, update_profile
from command_service.handlers.revocations import change_password
from holdfast.contracts import requests
from holdfast.contracts.texts import normal_email
from holdfast.eventstore import CommandKey, fingerprint, scoped_key
from holdfast.service.auth import caller_or_ended
from holdfast.service.context import current
from holdfast.service.tokens import Caller

router = APIRouter()
# A guest who registers again is told so, although registering has ended the guest's sessions.
MaybeCaller = Annotated[Caller | None, Depends(caller_or_ended)]


@router.post("/api/customers")
async def register_customer(
    body: requests.NewCustomer, request: Request, caller: MaybeCaller, parts: FromParts
) -> Response:
    keys = _keys(idempotency_key(request), body, caller)
    registration = Registration(
        email=body.email,
        password=body.password,
        name=body.name,
        caller_id=None if caller is None else CustomerId(caller.subject),
        caller_role=None if caller is None else caller.role,
        keys=keys,
        metadata=request_metadata(None if caller is None else caller.subject, keys[0] if keys else None),
        deadline=current().deadline,
        source=source_of(request, caller),
    )
    done = await register(parts, registration)
    content = {"customer_id": done.customer_id, "role": done.role, "version": done.version}
    versions = {CUSTOMER.stream_id(done.customer_id): done.version}
    return command_answer(content, versions, status=201, replayed=done.replayed)


def _keys(given: str | None, body: requests.NewCustomer, caller: Caller | None) -> list[CommandKey]:
    """Scoped by the e-mail, for there may be no caller yet, and by the caller, so that it binds no other command of
    theirs. The password is no part of what was asked (CORRECTNESS 4).
    """
    if given is None:
        return []
    asked = fingerprint(["POST", "/api/customers", {"email": body.email, "name": body.name}])
    hashes = [scoped_key(normal_email(body.email), "register", given)]
    if caller is not None:
        hashes.append(scoped_key(caller.subject, "", given))
    return [CommandKey(each, asked) for each in hashes]


@router.put("/api/profile/password")
async def change_own_password(
    body: requests.PasswordChange, request: Request, caller: RegisteredCaller, parts: FromParts
) -> Response:
    source = source_of(request, caller)
    await change_password(parts, caller, body.password, body.new_password, source, current().deadline)
    return command_answer({"customer_id": caller.subject}, {})


@router.put("/api/profile")
async def change_profile(body: requests.ProfileChange, request: RegisteredCommand, parts: FromParts) -> Response:
    done = await update_profile(parts, request, body.name, body.email, address_of(body.address))
    return done_answer(done, {"customer_id": request.subject})
