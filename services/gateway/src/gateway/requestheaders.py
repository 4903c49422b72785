"""The request headers of API.md that the edge checks: what is wrong with one is found before anything is called."""

import re
import secrets
from typing import Final

from starlette.datastructures import Headers

from gateway.routing import KeyRule
from holdfast.contracts.consistency import ConsistencyTokenInvalid, decode_consistency
from holdfast.service.problems import Problem

_KEY: Final = re.compile(r"[\x21-\x7e]{1,255}")
_NO_CACHE: Final = re.compile(r"(^|,)\s*no-cache\s*(,|$)", re.IGNORECASE)
_IF_MATCH: Final = re.compile(r'"(0|[1-9][0-9]{0,14})"')


def idempotency_key(headers: Headers, rule: KeyRule) -> str | None:
    """The key to forward: the caller's, or a new one of 32 hex digits, so that the gateway may repeat any command
    (CORRECTNESS 1). None where keys are ignored (CORRECTNESS 4).

    Raises Problem 400 `idempotency-key-missing` and 422 `invalid`.
    """
    if rule == "ignored":
        return None
    values = headers.getlist("idempotency-key")
    if not values:
        if rule == "required":
            raise Problem(400, "idempotency-key-missing", "this call needs an Idempotency-Key header")
        return secrets.token_hex(16)
    if len(values) > 1 or not _KEY.fullmatch(values[0]):
        raise invalid_header("Idempotency-Key", "has to be once 1 to 255 visible ASCII characters")
    return values[0]


def expected_version(headers: Headers) -> str | None:
    """If-Match as it came, None without one. Raises Problem 422 for anything but one quoted version."""
    values = headers.getlist("if-match")
    if not values:
        return None
    if len(values) > 1 or not _IF_MATCH.fullmatch(values[0]):
        raise invalid_header("If-Match", 'has to be one version in double quotes, such as "3"')
    return values[0]


def consistency_token(headers: Headers) -> str | None:
    """The tokens of all Consistency-Token lines as one list, None without any.

    Raises Problem 400 `consistency-token-invalid`.
    """
    values = headers.getlist("consistency-token")
    if not values:
        return None
    try:
        return ", ".join(values) if decode_consistency(values) else None
    except ConsistencyTokenInvalid as error:
        raise Problem(400, "consistency-token-invalid", error.reason) from error


def wants_no_cache(headers: Headers) -> bool:
    """Whether Cache-Control asks for an answer that was not kept (RFC 9111, section 5.2.1.4); the rest is ignored."""
    return any(_NO_CACHE.search(value) for value in headers.getlist("cache-control"))


def invalid_header(name: str, what: str) -> Problem:
    """422 `invalid` for a header."""
    return Problem(422, "invalid", f"{name} {what}", errors=[(name, what)])
