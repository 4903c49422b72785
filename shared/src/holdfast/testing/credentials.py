"""Calls of tests as the services make them: signed with a demo key, for the service that is called."""

from collections.abc import Generator

import httpx

from holdfast.service.credentials import DEMO_SERVICE_KEYS, Signer


class AsService(httpx.Auth):
    """`httpx.get(url, auth=AsService("tools", "payment-service"))`: signed anew for each call that needs it."""

    def __init__(self, name: str, audience: str) -> None:
        self._signer = Signer(name, DEMO_SERVICE_KEYS[name])
        self._audience = audience

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        name, token = self._signer.header(self._audience)
        request.headers.setdefault(name, token)
        yield request
