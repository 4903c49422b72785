"""Lets in only the services that may call, before anything else of a request is looked at."""

from collections.abc import Mapping
from typing import Final

import structlog
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from holdfast.service.credentials import HEADER, CredentialInvalid, Verifier
from holdfast.service.problems import Problem

log = structlog.get_logger(__name__)

Callers = Mapping[str, frozenset[str]]
"""Who may call, by path, or by the beginning of paths if it ends with a slash; "" is for all others."""

OPEN: Final = frozenset({"/healthz", "/readyz", "/metrics"})
OF_EVERY_PROCESS: Final[Callers] = {
    "/status": frozenset({"gateway", "tools"}),
    "/protections": frozenset({"gateway"}),
}
CHALLENGE: Final = "Service"
"""The scheme of WWW-Authenticate by which a refused service knows that it is meant, and not its own caller."""


class ServiceGate:
    """`callers` beside OF_EVERY_PROCESS; a path that is in neither is open if `open_else`, else nobody's."""

    def __init__(self, app: ASGIApp, *, verifier: Verifier, callers: Callers, open_else: bool) -> None:
        self._app = app
        self._verifier = verifier
        self._callers = {**callers, **OF_EVERY_PROCESS}
        self._prefixes = sorted((path for path in callers if path.endswith("/")), key=len, reverse=True)
        self._open_else = open_else

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            self._require(scope)
        await self._app(scope, receive, send)

    def _require(self, scope: Scope) -> None:
        """Raises Problem 401 or 403."""
        path: str = scope["path"]
        if path in OPEN:
            return
        allowed = self._allowed(path)
        if allowed is None:
            return
        token = Headers(scope=scope).get(HEADER)
        if token is None:
            raise _refused(401, f"this call needs a service's credential in {HEADER}")
        try:
            name = self._verifier.verify(token)
        except CredentialInvalid as error:
            raise _refused(401, str(error)) from error
        if name not in allowed:
            raise _refused(403, f"{name} may not call this")

    def _allowed(self, path: str) -> frozenset[str] | None:
        found = self._callers.get(path)
        if found is None:
            prefix = next((each for each in self._prefixes if path.startswith(each)), "")
            found = self._callers.get(prefix)
        if found is None and not self._open_else:
            return frozenset()
        return found


def _refused(status: int, detail: str) -> Problem:
    log.warning("service_refused", status=status, detail=detail)
    code = "service-unauthenticated" if status == 401 else "service-forbidden"
    return Problem(status, code, detail, headers={"WWW-Authenticate": CHALLENGE})
