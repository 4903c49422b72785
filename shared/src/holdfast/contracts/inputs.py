"""Request headers and bodies as API.md bounds them, read the same way by the gateway and by every service.

Query parameters are in `query_parameters`, the Consistency-Token in `consistency`, cursors in `cursors`. Every function
takes time linear in its input.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

MAX_DEPTH: Final = 16
"""Most levels of arrays and objects in a JSON body; API.md's deepest has two."""
MAX_MEMBERS: Final = 1_000
"""Most members and elements in a JSON body, of all objects and arrays together; an empty one counts as one."""
MAX_NUMBER_LENGTH: Final = 32
"""Most characters of a number in a JSON body (API.md's largest has 16): converting long ones takes quadratic time."""

CONTROL_CHARACTER: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control characters, and halves of surrogate pairs, which Python's JSON parser lets through and UTF-8 cannot hold."""

_KEY: Final = re.compile(r"[\x21-\x7e]{1,255}")
_VERSION: Final = re.compile(r'"(0|[1-9][0-9]{0,14})"')
_BLANKS: Final = " \t"


class InputInvalid(Exception):
    """A request that API.md refuses; nothing was done.

    `errors` are pairs of pointer (`?name`, a header's name, or a JSON pointer into the body) and detail. `status` and
    `code` are those of the problem.
    """

    def __init__(self, *errors: tuple[str, str], status: int = 422, code: str = "invalid") -> None:
        super().__init__("; ".join(f"{pointer or 'body'}: {detail}" for pointer, detail in errors[:3]))
        self.errors = errors
        self.status = status
        self.code = code


@dataclass(frozen=True, slots=True)
class IfMatch:
    """An If-Match header (RFC 9110, section 13.1.1): one version, or with `version` None (`*`) any that exists."""

    version: int | None

    def matches(self, actual: int) -> bool:
        """Whether an aggregate at version `actual` matches; 0 is an absent one."""
        return actual >= 1 if self.version is None else actual == self.version

    def __str__(self) -> str:
        return "*" if self.version is None else f'"{self.version}"'


def parse_idempotency_key(values: Sequence[str]) -> str | None:
    """The key out of the lines of Idempotency-Key, None without any. Raises InputInvalid."""
    if not values:
        return None
    if len(values) > 1 or not _KEY.fullmatch(values[0]):
        raise InputInvalid(("Idempotency-Key", "has to be once 1 to 255 visible ASCII characters"))
    return values[0]


def parse_if_match(values: Sequence[str]) -> IfMatch | None:
    """The condition out of the lines of If-Match, None without any. Raises InputInvalid."""
    if not values:
        return None
    value = values[0].strip(_BLANKS)
    if len(values) == 1 and value == "*":
        return IfMatch(None)
    match = _VERSION.fullmatch(value)
    if len(values) > 1 or match is None:
        raise InputInvalid(("If-Match", 'has to be one version in double quotes, such as "3", or *'))
    return IfMatch(int(match[1]))


def wants_no_cache(values: Sequence[str]) -> bool:
    """Whether the lines of Cache-Control hold `no-cache` (RFC 9111, section 5.2.1.4); other directives are ignored."""
    return any(
        directive.strip(_BLANKS).lower() == "no-cache"
        for value in values
        if "no-cache" in value.lower()
        for directive in value.split(",")
    )


# A string to its end, also one that is never closed: the pattern never begins a second time inside it.
_STRING: Final = re.compile(rb'"(?:[^"\\]++|\\.?)*+"?', re.DOTALL)
_NOT_STRUCTURE: Final = bytes(set(range(256)) - set(b"[]{},"))
_NUMBERS_AS_ZEROS: Final = bytes(ord("0") if byte in b"0123456789+-.eE" else byte for byte in range(256))
_LONG_NUMBER: Final = b"0" * (MAX_NUMBER_LENGTH + 1)


def require_plain_json(body: bytes) -> None:
    """Refuse a JSON body that is deeper, larger or has longer numbers than any of API.md, before it is parsed.

    Whether it is JSON is for the parser to say, but for brackets that do not match: 400 `malformed`. Raises
    InputInvalid with the pointer of the whole body, "".
    """
    openings = body.count(b"[") + body.count(b"{")
    plain = openings <= MAX_DEPTH and openings + body.count(b",") <= MAX_MEMBERS
    if plain and _LONG_NUMBER not in body.translate(_NUMBERS_AS_ZEROS):
        return
    outside = _STRING.sub(b'"', body)
    if _LONG_NUMBER in outside.translate(_NUMBERS_AS_ZEROS):
        raise InputInvalid(("", f"a number has at most {MAX_NUMBER_LENGTH} characters"))
    structure = outside.translate(None, _NOT_STRUCTURE)
    if structure.count(b"[") != structure.count(b"]") or structure.count(b"{") != structure.count(b"}"):
        raise InputInvalid(("", "the body is not valid JSON"), status=400, code="malformed")
    if structure.count(b"[") + structure.count(b"{") + structure.count(b",") > MAX_MEMBERS:
        raise InputInvalid(("", f"a body has at most {MAX_MEMBERS:,} members and elements in all"))
    if _depth(structure) > MAX_DEPTH:
        raise InputInvalid(("", f"a body nests at most {MAX_DEPTH} levels deep"))


def _depth(structure: bytes) -> int:
    depth = deepest = 0
    for byte in structure:
        if byte in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif byte in b"]}":
            depth -= 1
    return deepest
