"""JSON answers."""

from collections.abc import Mapping
from typing import Any

import orjson
from fastapi.responses import Response


def json_response(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """`content` as JSON; aware times become RFC 3339 with Z."""
    return Response(orjson.dumps(content, option=orjson.OPT_UTC_Z), status, headers, "application/json")
