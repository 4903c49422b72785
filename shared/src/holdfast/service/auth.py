"""The caller of a request, as FastAPI dependencies. Every service checks roles itself, not only the edge."""

from collections.abc import Callable

from fastapi import Request

from holdfast.service.problems import Problem
from holdfast.service.tokens import Caller, Role, TokenInvalid, TokenVerifier

_CHALLENGE = {"WWW-Authenticate": "Bearer"}


def bearer_token(authorization: str | None) -> str | None:
    """The token of an Authorization header, None without one. Raises Problem 401 for another scheme."""
    if authorization is None:
        return None
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Problem(401, "unauthenticated", "the Authorization header has to be `Bearer TOKEN`", headers=_CHALLENGE)
    return token.strip()


def optional_caller(request: Request) -> Caller | None:
    """Who calls, or None without a token. Raises Problem 401 for a bad one."""
    token = bearer_token(request.headers.get("authorization"))
    if token is None:
        return None
    verifier: TokenVerifier = request.app.state.verifier
    try:
        return verifier.verify(token)
    except TokenInvalid as error:
        raise Problem(401, "unauthenticated", error.reason, headers=_CHALLENGE) from error


def any_caller(request: Request) -> Caller:
    """Who calls; any role. Raises Problem 401."""
    caller = optional_caller(request)
    if caller is None:
        raise Problem(401, "unauthenticated", "this call needs a token", headers=_CHALLENGE)
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
