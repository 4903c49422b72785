"""How commands and reads of the write model are answered."""

from collections.abc import Mapping
from typing import Any

from fastapi.responses import Response

from command_service.handlers.single_stream import Done
from holdfast.contracts.consistency import HEADER, encode_consistency
from holdfast.service.responses import json_response


def command_answer(content: Any, versions: Mapping[str, int], *, status: int = 200, replayed: bool = False) -> Response:
    """A command's answer; `versions` are those of the caller's streams that it changed, for the Consistency-Token."""
    headers = {HEADER: encode_consistency(versions)} if versions else {}
    if replayed:
        headers["Idempotency-Replayed"] = "true"
    return json_response(content, status, headers)


def done_answer(done: Done, content: Mapping[str, Any], *, status: int = 200) -> Response:
    """The answer of a command on one stream: `content` and the version."""
    body = {**content, "version": done.version}
    return command_answer(body, {done.stream_id: done.version}, status=status, replayed=done.replayed)


def read_answer(content: Any) -> Response:
    """A read's answer out of the write model."""
    return json_response(content, headers={"Served-From": "write-model"})
