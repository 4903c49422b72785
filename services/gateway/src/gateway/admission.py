"""Who may call what, and how often: tokens, roles and rates, before anything else is looked at."""

from collections.abc import Mapping
from typing import Final

from starlette.requests import Request

from gateway.routing import Route
from holdfast.resilience.protections import PROTECTIONS
from holdfast.resilience.ratelimit import RateDecision, RateLimiter
from holdfast.service.auth import bearer_token
from holdfast.service.problems import Problem
from holdfast.service.tokens import Caller, TokenInvalid, TokenVerifier

_CHALLENGE: Final = {"WWW-Authenticate": "Bearer"}


class Doorman:
    """Names the caller of a request and checks that it may make it. Remembers nothing about a request."""

    def __init__(self, verifier: TokenVerifier) -> None:
        self._verifier = verifier

    def identify(self, route: Route, request: Request) -> tuple[Caller | None, str | None]:
        """The caller and its token, (None, None) without one.

        A bad token is 401 wherever it is sent but on a new session, where it only means to start anew.
        Raises Problem 401.
        """
        lenient = route.key == "ignored"
        try:
            token = bearer_token(request.headers.get("authorization"))
            return (None, None) if token is None else (self._verifier.verify(token), token)
        except TokenInvalid as error:
            if lenient:
                return None, None
            raise Problem(401, "unauthenticated", error.reason, headers=_CHALLENGE) from error
        except Problem:
            if lenient:
                return None, None
            raise

    @staticmethod
    def admit(route: Route, caller: Caller | None) -> None:
        """Raises Problem 401 and 403 unless this caller may make the call."""
        if route.callers is None:
            return
        if caller is None:
            raise Problem(401, "unauthenticated", "this call needs a token", headers=_CHALLENGE)
        if caller.role not in route.callers:
            needed = " or ".join(sorted(route.callers))
            raise Problem(403, "forbidden", f"this call needs the role {needed}, not {caller.role}")


class Rates:
    """The rate limit of each token, and of each address for new sessions."""

    def __init__(self, tokens: RateLimiter, sessions: RateLimiter) -> None:
        self._tokens = tokens
        self._sessions = sessions

    def take(self, route: Route, request: Request, token: str | None) -> Mapping[str, str]:
        """Count the call; the RateLimit headers for its answer, none for a call that is not limited.

        Raises Problem 429 `rate-limited` with these headers and Retry-After.
        """
        if "rate-limit" not in PROTECTIONS.on:
            return {}
        if route.path == "/api/sessions":
            address = request.client.host if request.client else ""
            return _counted("sessions", self._sessions, self._sessions.take(address))
        if token is not None:
            return _counted("default", self._tokens, self._tokens.take(token))
        return {}


def _counted(name: str, limiter: RateLimiter, decision: RateDecision) -> dict[str, str]:
    headers = {
        "RateLimit-Policy": f'"{name}";q={decision.limit};w={limiter.window_s}',
        "RateLimit": f'"{name}";r={decision.remaining};t={decision.reset_s}',
    }
    if not decision.allowed:
        raise Problem(
            429,
            "rate-limited",
            f"over {decision.limit} calls at once, try again in {decision.retry_after_s} s",
            headers=headers | {"Retry-After": str(decision.retry_after_s)},
        )
    return headers
