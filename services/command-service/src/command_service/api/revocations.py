"""Which sessions have ended, for the gateways and query-services. The gateway forwards nothing here."""

from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import Response
from pydantic import Field

from command_service.api.answers import read_answer
from command_service.api.requests import FromParts, query_of, time_left
from command_service.handlers.revocations import revocations_since
from holdfast.contracts.query_parameters import Parameters
from holdfast.service.revocation_feed import PATH

router = APIRouter()


class RevocationParameters(Parameters):
    """`after`: the highest number that is known already."""

    after: int = Field(0, ge=0, le=2**62)


@router.get(PATH)
async def list_revocations(
    parts: FromParts, asked: Annotated[RevocationParameters, Depends(query_of(RevocationParameters))]
) -> Response:
    found, more = await revocations_since(parts.database, asked.after, time_left())
    return read_answer({"items": [each.as_json() for each in found], "more": more})
