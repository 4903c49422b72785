"""What a request's head may be (RFC 9112), and the answer when it is something else."""

import http
import re
from collections.abc import Iterable, Sequence
from typing import Final
from urllib.parse import unquote

import httptools
from uvicorn._types import ASGIReceiveCallable, ASGISendCallable, Scope
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from holdfast.service.context import request_id_from
from holdfast.service.problems import MEDIA_TYPE, Problem, problem_body

Header = tuple[bytes, bytes]
MAX_TARGET_BYTES: Final = 8 * 1024
"""Path and query as they are sent, percent-encoded: nginx's and Apache's own bound."""
MAX_HEADERS_BYTES: Final = 32 * 1024
"""Names and values of all headers: four tokens of 8 KiB, as nginx takes; ours send 1 to 2 KiB."""
MAX_HEADERS: Final = 100
"""Apache's bound; a browser sends 15 to 20."""
MAX_HEAD_BYTES: Final = MAX_TARGET_BYTES + MAX_HEADERS_BYTES + 4 * MAX_HEADERS + 64
"""All of it with the request line, colons, spaces and line ends: no head within the bounds is longer."""

_NON_ASCII: Final = re.compile(rb"[\x80-\xff]")
_METHOD: Final = re.compile(rb"[\r\n]*([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?: |$)")
_KNOWN_METHODS: Final = frozenset(method.value.encode() for method in http.HTTPMethod)
_NOT_FORWARDED: Final = frozenset({b"upgrade", b"http2-settings"})
_LONGEST_INSTANCE: Final = 1024


def malformed(detail: str) -> Problem:
    """400 for what is not HTTP/1.1."""
    return Problem(400, "malformed", detail, title="The request is not valid HTTP/1.1")


def headers_too_large() -> Problem:
    """431, for their size or their number."""
    detail = f"a request has at most {MAX_HEADERS} headers with {MAX_HEADERS_BYTES} bytes of names and values in all"
    return Problem(431, "headers-too-large", detail)


def target_too_long() -> Problem:
    """414."""
    return Problem(414, "target-too-long", f"path and query have at most {MAX_TARGET_BYTES} bytes, percent-encoded")


def method_unknown(method: bytes) -> Problem:
    """501."""
    return Problem(501, "method-unknown", f"{method[:20].decode('ascii')} is no method of this server")


def parser_problem(error: httptools.HttpParserError, data: bytes) -> Problem:
    """What the parser found wrong with `data`: 501 for a method that it does not know, else 400."""
    invalid_method = isinstance(error, httptools.HttpParserInvalidMethodError)
    if invalid_method or str(error).startswith("Invalid method"):
        found = _METHOD.match(data)
        if found is not None and found[1] not in _KNOWN_METHODS:
            return method_unknown(found[1])
    return malformed(f"the request cannot be read: {error}")


def escape_target(data: bytes) -> bytes:
    """Data that begins with a request line, with that line's non-ASCII bytes percent-encoded as browsers do.

    The parser refuses them. Encoded here, before anything else sees the target, they are one form for all.
    """
    start = len(data) - len(data.lstrip(b"\r\n"))
    end = data.find(b"\n", start)
    line = data[start:end] if end >= 0 else data[start:]
    if line.isascii():
        return data
    escaped = _NON_ASCII.sub(lambda byte: b"%%%02X" % byte[0][0], line)
    return data[:start] + escaped + data[start + len(line) :]


def require_bounded(headers: Sequence[Header]) -> None:
    """Raises Problem 431."""
    if len(headers) > MAX_HEADERS or sum(len(name) + len(value) for name, value in headers) > MAX_HEADERS_BYTES:
        raise headers_too_large()


def require_version(version: str, hosts: int) -> None:
    """Raises Problem 400 unless it is HTTP/1.1 with one Host, or HTTP/1.0 with at most one (RFC 9112, 3.2)."""
    if version not in ("1.0", "1.1"):
        raise malformed(f"HTTP/1.1 is spoken here, not HTTP/{version}")
    if hosts > 1 or (version == "1.1" and not hosts):
        raise malformed("a request has exactly one Host header")


def require_chunked(coding: bytes) -> None:
    """Raises Problem 400 for any other transfer coding: its body would be taken for plain."""
    if coding.strip().lower() != b"chunked":
        raise malformed("chunked is the only transfer coding here")


def split_target(target: bytes, method: bytes) -> tuple[str, bytes, bytes]:
    """The decoded path, the raw path and the query. Raises Problem 400.

    The target is a path, an absolute http or https URI (its path counts), or `*` for OPTIONS (RFC 9112, 3.2).
    """
    if target.startswith(b"/"):
        raw, _, query = target.partition(b"#")[0].partition(b"?")  # the parser has let only valid characters pass
    else:
        raw, query = _split_other(target, method)
    path = raw.decode("ascii")
    return unquote(path) if "%" in path else path, raw, query


def _split_other(target: bytes, method: bytes) -> tuple[bytes, bytes]:
    if target == b"*" and method == b"OPTIONS":
        return target, b""
    try:
        parsed = httptools.parse_url(target)
    except httptools.HttpParserInvalidURLError as error:
        raise malformed("the request target is no valid URI") from error
    if (parsed.schema or b"").lower() not in (b"http", b"https"):
        raise malformed("the request target is a path or an http URI")
    return parsed.path or b"/", parsed.query or b""


def head_without_upgrade(method: bytes, target: bytes, version: str, headers: Iterable[Header]) -> bytes:
    """The head once more, as of a caller that asks for no upgrade."""
    kept = b"".join(b"%s: %s\r\n" % header for header in headers if header[0] not in _NOT_FORWARDED)
    return b"%s %s HTTP/%s\r\n%s\r\n" % (method, target, version.encode(), kept)


def refusal(problem: Problem, target: bytes, default_headers: Iterable[Header], *, without_body: bool) -> bytes:
    """A whole response that ends the connection."""
    request_id = request_id_from(None)
    problem.extra["request_id"] = request_id
    path = target.partition(b"?")[0]
    known = path.startswith(b"/") and len(path) <= _LONGEST_INSTANCE
    body = problem_body(problem, unquote(path.decode("latin-1")) if known else "/")
    headers = {
        "content-type": MEDIA_TYPE, "content-length": str(len(body)), "x-request-id": request_id,
        "connection": "close", **problem.headers,
    }  # fmt: skip
    own = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    head = b"".join(b"%s: %s\r\n" % header for header in [*default_headers, *own])
    return STATUS_LINE[problem.status] + head + b"\r\n" + (b"" if without_body else body)


async def answer_options(_scope: Scope, _receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
    """The application for `OPTIONS *`, which asks whether the server lives (RFC 9110, 9.3.7)."""
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b"", "more_body": False})
