"""The caller of a request, as FastAPI dependencies. Every service checks roles itself, not only the edge."""

from collections.abc import Callable

from fastapi import Request

from holdfast.service.problems import Problem
from holdfast.service.revocations import Revocations
from holdfast.service.tokens import Caller, Role, SessionEnded, TokenInvalid, TokenVerifier

_CHALLENGE = {"WWW-Authenticate": "Bearer"}


def bearer_token(authorization: str | None) -> str | None:
    """The token of an Authorization header, None without one or with another scheme, which is not ours to judge.

    Raises TokenInvalid for `Bearer` without a token.
    """
    if authorization is None:
        return None
    scheme, _, token = authorization.strip(" ").partition(" ")
    if scheme.lower() != "bearer":
        return None
    token = token.strip(" ")
    if not token:
        raise TokenInvalid("the Authorization header has to be `Bearer TOKEN`")
    return token


def optional_caller(request: Request) -> Caller | None:
    """Who calls, or None without a token. Raises Problem 401 for a bad one."""
    try:
        return _verified(request)
    except TokenInvalid as error:
        raise Problem(401, "unauthenticated", error.reason, headers=_CHALLENGE) from error


def caller_or_ended(request: Request) -> Caller | None:
    """As optional_caller, and whom a token names whose session has ended."""
    try:
        return _verified(request)
    except SessionEnded as ended:
        return ended.caller
    except TokenInvalid as error:
        raise Problem(401, "unauthenticated", error.reason, headers=_CHALLENGE) from error


def _verified(request: Request) -> Caller | None:
    verifier: TokenVerifier = request.app.state.verifier
    token = bearer_token(request.headers.get("authorization"))
    return None if token is None else verifier.verify(token)


def require_known_sessions(caller: Caller, ended: object) -> None:
    """Raises Problem 503 for an administrator as long as this process does not know which sessions have ended."""
    if caller.role == "admin" and isinstance(ended, Revocations) and not ended.known:
        detail = "which sessions have ended is not known yet, and administrators' calls wait for it"
        raise Problem(503, "dependency-unavailable", detail, headers={"Retry-After": "1"})


def any_caller(request: Request) -> Caller:
    """Who calls; any role. Raises Problem 401."""
    caller = optional_caller(request)
    if caller is None:
        raise Problem(401, "unauthenticated", "this call needs a token", headers=_CHALLENGE)
    require_known_sessions(caller, request.app.state.verifier.ended)
    return caller


def caller_with(*roles: Role) -> Callable[[Request], Caller]:
    """A dependency that lets only these roles in. It raises Problem 401 or 403."""

    def check(request: Request) -> Caller:
        caller = any_caller(request)
        if caller.role not in roles:
            raise Problem(403, "forbidden", f"this call needs the role {' or '.join(roles)}, not {caller.role}")
        return caller

    return check


registered_caller = caller_with("customer", "admin")
admin_caller = caller_with("admin")
