"""An answer of a catalogue read as it is given to many callers: with its entity tag, and compressed for those who ask.

Both are made once for an answer, however often it is given. Compressed are answers of the catalogue alone: they hold
nothing of a caller, so their length tells nothing (BREACH).
"""

import zlib
from hashlib import blake2b
from typing import Final

from fastapi.responses import Response

from gateway.call import Call
from holdfast.resilience.wire import Answer

_JSON: Final = "application/json"
_LEAST_BYTES: Final = 1024  # a smaller body fits into one packet as it is
_LEVEL: Final = 5
_GZIP: Final = 31  # zlib's word for a gzip header with the largest window


class Representation:
    """An inner answer of any status; tags and compression are for 200."""

    __slots__ = ("_etag", "_gzipped", "answer")

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self._etag: bytes | None = None
        self._gzipped: bytes | None = None

    @property
    def etag(self) -> bytes:
        """A weak entity tag of the body (RFC 9110, section 8.8.3): equal bodies have equal tags, on every gateway."""
        if self._etag is None:
            self._etag = b'W/"' + blake2b(self.answer.body, digest_size=12).hexdigest().encode() + b'"'
        return self._etag

    def respond(self, call: Call, marks: list[tuple[bytes, bytes]]) -> Response:
        """The 200, or 304 if If-None-Match names its tag, with `marks` as further headers."""
        headers = [(b"etag", self.etag), (b"vary", b"accept-encoding"), *marks]
        if call.if_none_match is not None and names_tag(call.if_none_match, self.etag):
            response = Response(None, 304)
            response.raw_headers = headers
            return response
        body = self.answer.body
        if len(body) >= _LEAST_BYTES and accepts_gzip(call.accept_encoding):
            body = self._gzip()
            headers.append((b"content-encoding", b"gzip"))
        response = Response(body)
        response.raw_headers += headers
        response.raw_headers.append((b"content-type", self.answer.headers.get("content-type", _JSON).encode("latin-1")))
        return response

    def _gzip(self) -> bytes:
        if self._gzipped is None:
            compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
            self._gzipped = compressor.compress(self.answer.body) + compressor.flush()
        return self._gzipped


def accepts_gzip(accept_encoding: str | None) -> bool:
    """Whether Accept-Encoding names gzip, or `*`, with a weight above 0 (RFC 9110, section 12.5.3)."""
    if not accept_encoding:
        return False
    weights: dict[str, bool] = {}
    for item in accept_encoding.lower().split(","):
        coding, _, weight = item.partition(";")
        weights[coding.strip()] = not _is_zero(weight)
    return weights.get("gzip", weights.get("*", False))


def _is_zero(weight: str) -> bool:
    name, _, value = weight.strip().partition("=")
    return name.strip() == "q" and value.strip().rstrip("0") in ("", "0.", ".")


def names_tag(if_none_match: str, etag: bytes) -> bool:
    """Whether If-None-Match names the tag; weak comparison, so W/ does not count (RFC 9110, section 13.1.2)."""
    if if_none_match.strip() == "*":
        return True
    wanted = etag.decode().removeprefix("W/")
    return any(one.strip().removeprefix("W/") == wanted for one in if_none_match.split(","))
