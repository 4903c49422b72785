"""Reads a request's body whole, within bounds: its bytes, media type and encoding."""

from typing import Final

from starlette.datastructures import Headers
from starlette.types import Receive

from holdfast.service.context import CallerGone
from holdfast.service.problems import Problem

MAX_BODY_BYTES: Final = 64 * 1024
BODY_METHODS: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})


async def read_body(headers: Headers, receive: Receive) -> bytes:
    """The body, at most 64 KiB of JSON.

    Raises Problem 413 `body-too-large` (at once when Content-Length says so), 415 `unsupported-media-type` for another
    media type or any Content-Encoding, and CallerGone when the connection closes before the body's end.
    """
    require_readable(headers)
    return await receive_body(headers, receive)


async def receive_body(headers: Headers, receive: Receive) -> bytes:
    """As `read_body`, for headers that `require_readable` has passed."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise CallerGone
        body += message.get("body", b"")
        if len(body) > MAX_BODY_BYTES:
            raise _too_large()
        if not message.get("more_body", False):
            break
    if body and not _is_json(headers.get("content-type", "")):
        raise Problem(415, "unsupported-media-type", "the body has to be sent as Content-Type: application/json")
    return bytes(body)


def require_readable(headers: Headers) -> None:
    """Raises Problem 413 for a Content-Length beyond the bound, and 415 for any Content-Encoding but `identity`."""
    length = headers.get("content-length", "")
    if length.isdigit() and (len(length) > 9 or int(length) > MAX_BODY_BYTES):
        raise _too_large()
    encoding = headers.get("content-encoding")
    if encoding is not None and encoding.strip().lower() not in ("", "identity"):
        raise Problem(415, "unsupported-media-type", "a body is sent without Content-Encoding")


def _too_large() -> Problem:
    return Problem(413, "body-too-large", f"a body has at most {MAX_BODY_BYTES} bytes")


def _is_json(content_type: str) -> bool:
    kind = content_type.partition(";")[0].strip().lower()
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))
