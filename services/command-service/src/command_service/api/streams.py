"""Any aggregate's history and its state at any version, for administrators. The first page has the newest events."""

import re
from typing import Annotated, Final

from fastapi import APIRouter, Depends
from fastapi.responses import Response

from command_service.api.answers import read_answer
from command_service.api.events import audited
from command_service.api.requests import AdminsOnly, FromParts, query_of, read_token, time_left
from command_service.handlers.reading import read_history
from holdfast.contracts.cursors import decode_version_cursor, encode_version_cursor
from holdfast.contracts.query_parameters import StreamParameters
from holdfast.eventstore import StreamUnknown, map_in_slices

router = APIRouter(dependencies=[Depends(read_token)])
_STREAM_ID: Final = re.compile(r"[a-z]{1,20}-[A-Za-z0-9._-]{1,40}")


@router.get("/api/admin/streams/{stream_id}", dependencies=[AdminsOnly])
async def get_stream(
    stream_id: str,
    parts: FromParts,
    asked: Annotated[StreamParameters, Depends(query_of(StreamParameters))],
) -> Response:
    if not _STREAM_ID.fullmatch(stream_id):
        raise StreamUnknown(stream_id)
    scope = {"list": "stream", "stream_id": stream_id, "at_version": asked.at_version}
    before = None if asked.cursor is None else decode_version_cursor(asked.cursor, scope)
    found = await read_history(parts.database, time_left(), stream_id, asked.at_version, before, asked.limit)
    first = found.events[0].version if found.events else 1
    return read_answer(
        {
            "stream_id": stream_id,
            "version": found.version,
            "state": found.state,
            "events": await map_in_slices(audited, found.events),
            "next_cursor": encode_version_cursor(first, scope) if first > 1 else None,
        }
    )
