"""Guest sessions, sign-in and registration: the only places where tokens are signed.

A guest is a signed token and no row (CORRECTNESS 6), so that starting one needs no service at all.
"""

from datetime import UTC, datetime
from typing import Any

import orjson
from fastapi.responses import Response
from uuid_utils import uuid7

from gateway.answers import failure_of, passed_through
from gateway.call import Call
from gateway.forwarding import Forwarder
from gateway.http.service_places import ServicePlaces
from holdfast.contracts.messages import rfc3339
from holdfast.contracts.requests import NewSession
from holdfast.resilience.wire import Answer
from holdfast.service.problems import Problem
from holdfast.service.responses import json_response
from holdfast.service.tokens import Role, TokenSigner


class Sessions:
    """Makes sessions; credentials are command-service's to check."""

    def __init__(self, signer: TokenSigner, forwarder: Forwarder, places: ServicePlaces) -> None:
        self._signer = signer
        self._forwarder = forwarder
        self._places = places

    async def open(self, call: Call, wanted: NewSession) -> Response:
        """201 with a guest's token for `{}`, with a customer's for e-mail and password.

        Raises Problem 422 for one without the other, and what forwarding raises.
        """
        if wanted.email is None and wanted.password is None:
            self._places.take_session(call)
            return json_response(self._session(str(uuid7()), "guest"), 201)
        if wanted.email is None or wanted.password is None:
            missing = "email" if wanted.email is None else "password"
            detail = "is needed to sign in; a guest sends neither"
            raise Problem(422, "invalid", f"/{missing}: {detail}", errors=[(f"/{missing}", detail)])
        return await self._with_token(call, 200)

    async def register(self, call: Call) -> Response:
        """201 with the new customer's token. A repeat with its key gives a new token (CORRECTNESS 4)."""
        return await self._with_token(call, 201)

    async def change_password(self, call: Call) -> Response:
        """200 once the password is another; the caller's other sessions have ended then."""
        self._places.take_password(call)
        return await self._forwarder.forward(call)

    async def _with_token(self, call: Call, good: int) -> Response:
        self._places.take_password(call)
        answer = await self._forwarder.ask_command(call)
        response = passed_through(answer)
        if answer.status != good:
            return response
        found = _identity(answer)
        session = self._session(found["customer_id"], found["role"])
        if "version" in found:
            session["version"] = found["version"]
        body = orjson.dumps(session)
        response.body = body
        response.status_code = 201
        response.headers["Content-Length"] = str(len(body))
        return response

    def _session(self, customer_id: str, role: Role) -> dict[str, Any]:
        token, expires_at = self._signer.sign(customer_id, role, datetime.now(UTC))
        return {"token": token, "customer_id": customer_id, "role": role, "expires_at": rfc3339(expires_at)}


def _identity(answer: Answer) -> dict[str, Any]:
    try:
        found = orjson.loads(answer.body)
    except orjson.JSONDecodeError as error:
        raise failure_of(answer, "command-service") from error
    if not (
        isinstance(found, dict) and isinstance(found.get("customer_id"), str) and isinstance(found.get("role"), str)
    ):
        raise failure_of(answer, "command-service")
    return found
