"""GET and PUT /protections of every process, in demo mode: which protections are on here, and switching them.

PUT needs an administrator's token, as every public command of theirs does: the gateways listen where anybody can reach
them, and the one that was asked (`/api/ops/protections`) passes the caller's token on, so no process trusts another.
"""

import asyncio
from typing import Final

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from holdfast.contracts.requests import ProtectionsWanted
from holdfast.resilience.protections import PROTECTIONS
from holdfast.service.auth import admin_caller
from holdfast.service.context import current
from holdfast.service.responses import json_response

_KNOWN_AFTER_S: Final = 0.02  # a connection that was closed before its request was read is known to be by then


async def _admins_only(request: Request) -> None:  # FastAPI would run a plain function on a thread
    admin_caller(request)


def switches_router(service: str, replica: str) -> APIRouter:
    """Both answer `{service, replica, off: [name, …]}`."""
    router = APIRouter(include_in_schema=False)

    def present() -> Response:
        return json_response({"service": service, "replica": replica, "off": PROTECTIONS.off})

    @router.get("/protections")
    async def get_protections() -> Response:
        return present()

    @router.put("/protections", dependencies=[Depends(_admins_only)])
    async def put_protections(wanted: ProtectionsWanted) -> Response:
        # A process that was paused reads this late: its caller has named it as not reached, and may have switched
        # the others back since.
        await asyncio.sleep(_KNOWN_AFTER_S)
        current().require_caller()
        PROTECTIONS.switch_off(wanted.switched_off)
        return present()

    return router
