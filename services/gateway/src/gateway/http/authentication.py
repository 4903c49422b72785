"""Who makes a request: the caller that its token names, and whether that role may make the call."""

from typing import Final

from gateway.routing import Route
from holdfast.service.auth import bearer_token, require_known_sessions
from holdfast.service.problems import Problem
from holdfast.service.tokens import Caller, SessionEnded, TokenInvalid, TokenVerifier

_CHALLENGE: Final = {"WWW-Authenticate": "Bearer"}


class Authentication:
    """Verifies tokens. Keeps nothing about a request."""

    def __init__(self, verifier: TokenVerifier) -> None:
        self._verifier = verifier

    def identify(self, route: Route, authorization: str | None) -> tuple[Caller | None, str | None]:
        """The caller and its token of an Authorization header; (None, None) without one or with another scheme.

        A bad token is 401 wherever it is sent, except on a new session: there it only means a new start. So is one
        whose session has ended, except where the route admits it. Raises Problem 401.
        """
        token: str | None = None
        try:
            token = bearer_token(authorization)
            return (None, None) if token is None else (self._verifier.verify(token), token)
        except TokenInvalid as error:
            if isinstance(error, SessionEnded) and route.admits_ended:
                return error.caller, token
            if route.key == "ignored":
                return None, None
            raise Problem(401, "unauthenticated", error.reason, headers=_CHALLENGE) from error

    def authorize(self, route: Route, caller: Caller | None) -> None:
        """Raises Problem 401 or 403 unless this caller may make the call, 503 while that is not known."""
        if route.callers is None:
            return
        if caller is None:
            raise Problem(401, "unauthenticated", "this call needs a token", headers=_CHALLENGE)
        require_known_sessions(caller, self._verifier.ended)
        if caller.role not in route.callers:
            needed = " or ".join(sorted(route.callers))
            raise Problem(403, "forbidden", f"this call needs the role {needed}, not {caller.role}")
